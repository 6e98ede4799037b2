package mask_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/spatialdropout/spatialdropout/mask/testdata/golden"
)

// torchStates are what testdata/golden/make_pytorch_state.py recorded.
type torchStates struct {
	Programs []struct {
		Seed               json.Number
		Before             string
		State, Second, End string
		Calls              []golden.Call
	}
	Words []struct {
		Call  string
		Words uint64
	}
}

func recordedStates(t *testing.T) torchStates {
	t.Helper()
	data, err := os.ReadFile("testdata/golden/states/pytorch-2.15.0.json")
	if err != nil {
		t.Fatal(err)
	}
	var s torchStates
	if err := json.Unmarshal(data, &s); err != nil || len(s.Programs) < 9 || len(s.Words) < 10 {
		t.Fatalf("%d programs and %d calls, %v", len(s.Programs), len(s.Words), err)
	}
	return s
}

// stateOf returns the bytes of a state.
func stateOf(t *testing.T, text string) []byte {
	t.Helper()
	r, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil || len(b) != 5056 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	return b
}

func torchFrom(t *testing.T, state []byte) mask.Stream {
	t.Helper()
	s, err := mask.PyTorchFrom(state, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkState(t *testing.T, what string, s mask.Stream, at mask.Place, want []byte) {
	t.Helper()
	if got, err := mask.PyTorchState(s, at); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %.60v at %+v has a state of %d bytes, %v, that differs", what, s, at, len(got), err)
	}
}

// A stream goes on where a program of PyTorch is, draws what that draws, and gives back the
// state in which that is afterwards: also by way of its text.
func TestPyTorchGoesOnFromAState(t *testing.T) {
	texts := map[string]string{
		"nothing": "pytorch:42", "torch.rand(7)": "pytorch:42/from=7", "torch.randn(5)": "pytorch:5/from=12/normal=0000000000000000785191", "torch.rand(623)": "pytorch:7/from=623",
		"torch.rand(624)": "pytorch:7/from=624", "torch.rand(1000003)": "pytorch:1701/from=1000003", "nn.Conv2d(3, 8, 3), nn.Linear(10, 5)": "pytorch:18446744073709551615/from=279",
		"F.dropout(torch.ones(100), 0.3)": "pytorch:1099511627779/from=200", "torch.set_rng_state of another seed": "pytorch:10/from=30/state=",
	}
	for _, p := range recordedStates(t).Programs {
		first := stateOf(t, p.State)
		s := torchFrom(t, first)
		if want := texts[p.Before]; want == "" || !strings.HasPrefix(s.String(), want) || !strings.Contains(want, "/state") && strings.Contains(s.String(), "/state") {
			t.Errorf("%s: %.80v, want %s", p.Before, s, want)
		}
		checkState(t, p.Before, s, mask.Place{}, first)
		restored := parse(s.String())
		if !reflect.DeepEqual(restored, s) { // neither has drawn
			t.Errorf("%s: %.60v comes back as %.60v", p.Before, s, restored)
		}
		at, later := mask.Place{}, mask.Stream(nil)
		for i, c := range p.Calls {
			for what, s := range map[string]mask.Stream{"from the state": s, "from the text": restored} {
				if got := golden.Text(drawnBy(t, s, c.Shape[0], c.Shape[1], c.Rate, at)); got != c.Mask {
					t.Errorf("%s, call %d, %s: %s, want %s", p.Before, i, what, got, c.Mask)
				}
			}
			if later != nil { // from the state between two calls
				at := mask.Place{Step: at.Step - 1, Cursor: at.Cursor - 20}
				if got := golden.Text(drawnBy(t, later, c.Shape[0], c.Shape[1], c.Rate, at)); got != c.Mask {
					t.Errorf("%s, call %d, from the second state: %s, want %s", p.Before, i, got, c.Mask)
				}
			}
			at = s.After(at, c.Shape[0], c.Shape[1], c.Rate)
			if i == 0 {
				second := stateOf(t, p.Second)
				checkState(t, p.Before+", then a call", s, at, second)
				later = torchFrom(t, second)
			}
		}
		checkState(t, p.Before+", then all calls", s, at, stateOf(t, p.End))
		checkState(t, p.Before+", then all calls, from the text", restored, at, stateOf(t, p.End))
	}
}

// With MKL a call takes one word.
func TestPyTorchMKLGoesOnFromAState(t *testing.T) {
	whole := mask.PyTorchMKL(42)
	every := uint64(1)
	if testing.Short() {
		every = 10
	}
	for words := uint64(0); words < 1300; words += every {
		state, err := mask.PyTorchState(whole, mask.Place{Step: words})
		if err != nil {
			t.Fatal(err)
		}
		s, err := mask.PyTorchFrom(state, true)
		if err != nil {
			t.Fatal(err)
		}
		want := "pytorch-mkl:42"
		if words > 0 {
			want = fmt.Sprintf("pytorch-mkl:42/from=%d", words)
		}
		at := mask.Place{Step: 5, Cursor: 2} // three calls have counted
		if s.String() != want || words%100 == 0 && !drawnBy(t, s, 3, 70, 0.3, at).Equal(drawnBy(t, whole, 3, 70, 0.3, mask.Place{Step: words + 3})) {
			t.Fatalf("%v does not go on after %d words", s, words)
		}
		state[0]++ // another seed, behind which the state does not lie
		if words%650 > 0 || words == 0 && testing.Short() {
			continue // the search for a seed takes long
		}
		foreign, err := mask.PyTorchFrom(state, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []mask.Stream{foreign, parse(foreign.String())} {
			if !strings.HasPrefix(s.String(), "pytorch-mkl:43/from=") || !drawnBy(t, s, 3, 70, 0.3, at).Equal(drawnBy(t, whole, 3, 70, 0.3, mask.Place{Step: words + 3})) {
				t.Fatalf("%.60v does not go on after %d words", s, words)
			}
			if words > 0 {
				checkState(t, "another seed", s, mask.Place{}, state)
			}
		}
	}
}

// What no generator of PyTorch can be in is an error.
func TestStatesOfNoGeneratorAreErrors(t *testing.T) {
	good := stateOf(t, recordedStates(t).Programs[1].State) // 7 words taken
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		return b
	}
	for what, c := range map[string]struct {
		state []byte
		word  string
	}{
		"nothing":             {nil, "0 bytes, want 5056"},
		"a byte less":         {good[:5055], "5055 bytes, want 5056"},
		"4 MiB":               {make([]byte, 4<<20), "4194304 bytes"},
		"only zeros":          {make([]byte, 5056), "0 as the mark of a seed"},
		"no seed":             {change(func(b []byte) { b[12] = 0 }), "0 as the mark"},
		"another next":        {change(func(b []byte) { b[16] = 8 }), "word 8 of a block next and 618 left"},
		"another left":        {change(func(b []byte) { b[8]-- }), "word 7 of a block next and 617 left"},
		"next far away":       {change(func(b []byte) { b[23] = 1 }), "word 72057594037927943"},
		"next of 625":         {change(func(b []byte) { binary.LittleEndian.PutUint64(b[16:], 625); binary.LittleEndian.PutUint32(b[8:], 0) }), "word 625"},
		"left of none":        {change(func(b []byte) { b[16], b[17] = 0, 0 }), "word 0"},
		"a word of 33 bits":   {change(func(b []byte) { b[28] = 1 }), "0x1"},
		"the last of 64 bits": {change(func(b []byte) { b[5015] = 0x80 }), "0x80000000"},
		"words that are 0":    {change(func(b []byte) { clear(b[24:5016]) }), "words that are 0"},
		"31 bits that do not count": {change(func(b []byte) {
			clear(b[24:5016])
			binary.LittleEndian.PutUint32(b[24:], 1<<31-1)
		}), "words that are 0"},
	} {
		s, err := mask.PyTorchFrom(c.state, false)
		if s != nil || !refuses(err, "state") || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v, %v, want an *ArgumentError of the state that says %q", what, s, err, c.word)
		}
	}
	for _, s := range []mask.Stream{nil, mask.Philox(1), mask.KerasTorch(1)} {
		state, err := mask.PyTorchState(s, mask.Place{})
		if state != nil || !refuses(err, "stream") {
			t.Errorf("%v: %d bytes, %v, want an ArgumentError of the stream", s, len(state), err)
		}
	}
	state := strings.TrimPrefix(torchFrom(t, change(func(b []byte) { b[0]++ })).String(), "pytorch:43/from=7/state=")
	for text, word := range map[string]string{
		"pytorch:1/from=-1":                                            `from "-1", want a number from 0`,
		"pytorch:1/from=18446744073709551616":                          "from",
		"pytorch:1/from":                                               "unknown option",
		"pytorch:1/state=" + state:                                     "from word 0",
		"pytorch:1/from=3/state=" + state[1:]:                          "624 words",
		"pytorch:1/from=3/state=" + state[:3324] + "\n" + state[3324:]: "624 words",
		"pytorch:1/from=3/state=" + strings.Repeat("A", 3328):          "not 0",
		"pytorch:1/normal=00":                                          "40 bytes",
		"pytorch:1/normal=" + strings.Repeat("AA", 40):                 "40 bytes",
		"keras-torch:1/from=3":                                         "takes none",
	} {
		if s, err := mask.ParseStream(text); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%.60s: %.60v, %v, want an error that says %q", text, s, err, word)
		}
	}
}

// README.md has the recorded numbers of words.
func TestTableOfWordsIsWhatWasRecorded(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `?([^|`]*)`? \\| (\\d+) \\|$").FindAllStringSubmatch(string(text), -1) {
		table[row[1]] = row[2]
	}
	words := recordedStates(t).Words
	for _, w := range words {
		if table[w.Call] != fmt.Sprint(w.Words) {
			t.Errorf("%s takes %d words, the table says %q", w.Call, w.Words, table[w.Call])
		}
	}
	if len(table) != len(words) {
		t.Errorf("%d rows for %d calls", len(table), len(words))
	}
}
