package mask_test

import (
	"bytes"
	bin "encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

var (
	everyPolicy = []mask.Policy{mask.Select, mask.Multiply}
	everyRule   = []mask.Rule{mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient, mask.CompiledQuotient, mask.Unscaled, mask.Expectation, mask.Alpha, mask.AlphaGradient, mask.Gaussian, mask.AtInference}
)

// kinds returns masks of a shape with all kinds of contents.
func kinds(t testing.TB, samples, channels int) []*mask.Mask {
	t.Helper()
	var all []*mask.Mask
	for _, rate := range []float64{0, 1e-300, 0.3, 1 - 0x1p-53, 1} {
		for _, policy := range everyPolicy {
			for _, rule := range everyRule {
				m := new(mask.Mask)
				if err := m.Reset(samples, channels, rate, mask.Arithmetic{Policy: policy, Rule: rule}); err != nil {
					t.Fatal(err)
				}
				if err := mask.Philox(1).Draw(m, mask.Place{Step: 2}); err != nil {
					t.Fatal(err)
				}
				all = append(all, m)
			}
			for count := 0; count <= channels; count += 1 + channels/2 {
				m, err := mask.New(samples, channels, rate, mask.Arithmetic{Policy: policy})
				if err != nil {
					t.Fatal(err)
				}
				if err := mask.Philox(1).DrawCount(m, count, mask.Place{Step: 2}); err != nil {
					t.Fatal(err)
				}
				all = append(all, m)
			}
			for _, at := range []mask.Place{{Step: 1 << 50, Shard: mask.Shard{SampleOffset: 1 << 40}}, {Shard: mask.Shard{SampleOffset: 3, ChannelOffset: 5, Channels: 200}}} {
				m, err := mask.New(samples, channels, rate, mask.Arithmetic{Policy: policy, Rule: mask.Gaussian})
				if err != nil {
					t.Fatal(err)
				}
				if err := mask.Philox(1<<60).Draw(m, at); err != nil {
					t.Fatal(err)
				}
				all = append(all, m)
			}
			m, err := mask.New(samples, channels, rate, mask.Arithmetic{Policy: policy})
			if err != nil {
				t.Fatal(err)
			}
			if err := mask.Draw(m, mask.Philox(0), mask.FixedCount, mask.Place{Shard: mask.Shard{ChannelOffset: 50, Channels: 200}}); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
	}
	return all
}

// everything returns all that a user can see of a mask.
func everything(m *mask.Mask) string {
	all := fmt.Sprint(m, m.Rate(), m.Arithmetic(), m.Factor(), m.Identity(), m.CountKept())
	for _, k := range dataTypes {
		factors, shifts, action := k.filled(m, m.Channels())
		all += fmt.Sprint(factors, shifts, action)
	}
	return all
}

// keptIn returns how many channels of a sample are kept.
func keptIn(m *mask.Mask, n int) int { return len(m.AppendKept(nil, n)) }

func TestMasksComeBackFromTheirBinaryForm(t *testing.T) {
	var reused mask.Mask
	for _, shape := range [][2]int{{0, 0}, {0, 5}, {5, 0}, {1, 1}, {1, 7}, {1, 8}, {3, 3}, {1, 63}, {8, 8}, {5, 13}, {2, 100}} {
		for _, m := range kinds(t, shape[0], shape[1]) {
			data, err := m.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if want := 72 + (shape[0]*shape[1]+7)/8; len(data) != want || cap(data) != want {
				t.Errorf("%v: %d bytes, want %d", m, len(data), want)
			}
			fresh, seen := new(mask.Mask), everything(m)
			for _, back := range []*mask.Mask{fresh, &reused} {
				if err := back.UnmarshalBinary(data); err != nil {
					t.Fatalf("%v: %v", m, err)
				}
				if !back.Equal(m) || !m.Equal(back) || everything(back) != seen || encoded(t, back) != string(data) {
					t.Fatalf("%v\ncomes back as\n%v", m, back)
				}
			}
		}
	}
}

// Other machines and versions read the binary form.
func TestBinaryFormIsAsDocumented(t *testing.T) {
	m, err := mask.New(2, 5, 0.25, mask.Arithmetic{Policy: mask.Multiply})
	if err != nil {
		t.Fatal(err)
	}
	m.Set(0, 1, false)
	m.Set(1, 4, false)
	want := append([]byte("SDM\x02"), 1, 0, 0, 0)
	for _, x := range []uint64{math.Float64bits(0.25), 2, 5, 0, 0, 0, 0, 0} {
		want = bin.LittleEndian.AppendUint64(want, x)
	}
	want = append(want, 0b11111101, 0b01)
	if got := encoded(t, m); got != string(want) {
		t.Errorf("%x, want %x", got, want)
	}
	if err := m.Reset(2, 5, 0.25, mask.Arithmetic{Rule: mask.Gaussian}); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for at, want := range map[mask.Place][4]uint64{
		{Step: 12, Shard: mask.Shard{SampleOffset: 13}}:                                 {0, 11, 12, 13 * 5},
		{Step: 12, Shard: mask.Shard{SampleOffset: 13, ChannelOffset: 3, Channels: 20}}: {20, 11, 12, 13*20 + 3},
	} {
		if err := mask.Philox(11).Draw(m, at); err != nil {
			t.Fatal(err)
		}
		got = []byte(encoded(t, m))
		for i, want := range want {
			if x := bin.LittleEndian.Uint64(got[40+8*i:]); x != want {
				t.Errorf("noise at %+v: number %d is %d, want %d", at, i, x, want)
			}
		}
	}
	if got[5] != byte(mask.Gaussian) {
		t.Errorf("rule %d, want %d", got[5], mask.Gaussian)
	}
	if err := m.Reset(2, 5, 0.25, mask.Arithmetic{}); err != nil {
		t.Fatal(err)
	}
	for channels, whole := range map[uint64]uint64{0: 0, 5: 0, 9: 9} {
		if err := mask.Philox(0).DrawCount(m, 3, mask.Place{Shard: mask.Shard{Channels: channels}}); err != nil {
			t.Fatal(err)
		}
		data := []byte(encoded(t, m))
		if count, of := bin.LittleEndian.Uint64(data[32:]), bin.LittleEndian.Uint64(data[40:]); count != 3 || of != whole {
			t.Errorf("count %d of %d, want 3 of %d", count, of, whole)
		}
	}
}

// checkHostile decodes bytes into a mask. Either that is an error and the mask is
// unchanged, or the mask has exactly these bytes as its binary form.
func checkHostile(t *testing.T, data []byte) (ok bool) {
	t.Helper()
	m := drawn(t, 3, 50, 0.3, 1, 2, 3)
	before, factor := encoded(t, m), m.Factor()
	if err := m.UnmarshalBinary(data); err != nil {
		if encoded(t, m) != before || m.Factor() != factor {
			t.Fatalf("%x is an error and changes the mask: %v", data, err)
		}
		if !strings.HasPrefix(err.Error(), "mask: ") {
			t.Fatalf("%x: %v", data, err)
		}
		return false
	}
	if got := encoded(t, m); got != string(data) {
		t.Fatalf("%x becomes a mask with the binary form %x", data, got)
	}
	return true
}

func TestDamagedBytesAreAnErrorOrAnotherMask(t *testing.T) {
	right, wrong := 0, 0
	for i, m := range kinds(t, 3, 7) {
		data := []byte(encoded(t, m))
		if !checkHostile(t, data) {
			t.Fatalf("%v: its binary form is an error", m)
		}
		for at := range data {
			for flip := 1; flip < 256; flip++ {
				if (i%7 > 0 || testing.Short()) && flip&(flip-1) != 0 {
					continue // single bits are enough
				}
				damaged := bytes.Clone(data)
				damaged[at] ^= byte(flip)
				if checkHostile(t, damaged) {
					right++
				} else {
					wrong++
				}
			}
		}
		for size := range data {
			if checkHostile(t, data[:size]) {
				t.Fatalf("%v: %d of %d bytes are a mask", m, size, len(data))
			}
		}
		for more := 1; more < 10; more++ {
			if checkHostile(t, append(bytes.Clone(data), make([]byte, more)...)) {
				t.Fatalf("%v: %d bytes more are a mask", m, more)
			}
		}
	}
	if right < 1000 || wrong < 1000 {
		t.Errorf("%d damaged masks are masks and %d are not: too few", right, wrong)
	}
}

func TestErrorsOfBinaryFormsSayWhatIsWrong(t *testing.T) {
	good := []byte(encoded(t, drawn(t, 3, 7, 0.25, 1, 2, 3)))
	number := func(at int, x uint64) func(b []byte) []byte {
		return func(b []byte) []byte {
			bin.LittleEndian.PutUint64(b[at:], x)
			return b
		}
	}
	set := func(at int, x byte) func(b []byte) []byte {
		return func(b []byte) []byte {
			b[at] = x
			return b
		}
	}
	for what, c := range map[string]struct {
		damage func(b []byte) []byte
		words  []string
	}{
		"nothing":            {func(b []byte) []byte { return nil }, []string{"0 bytes", "72"}},
		"half a header":      {func(b []byte) []byte { return b[:71] }, []string{"71 bytes", "72"}},
		"another file":       {func(b []byte) []byte { return append([]byte("PNG"), b[3:]...) }, []string{`"PNG"`, `"SDM"`}},
		"another version":    {set(3, 1), []string{"version 1", "want 2"}},
		"no such policy":     {set(4, 2), []string{"Policy(2)", "Select or Multiply"}},
		"no such rule":       {set(5, 11), []string{"Rule(11)", "Gaussian or AtInference"}},
		"reserved":           {set(7, 9), []string{"reserved", "9", "want 0"}},
		"rate 1.5":           {number(8, math.Float64bits(1.5)), []string{"rate 1.5", "0 to 1"}},
		"rate NaN":           {number(8, math.Float64bits(math.NaN())), []string{"rate NaN", "0 to 1"}},
		"rate -0":            {number(8, 1<<63), []string{"rate -0"}},
		"2⁶³ samples":        {number(16, 1<<63), []string{"mask: 9223372036854775808 samples of 7", "that an int counts"}},
		"2⁶³ channels":       {number(24, 1<<63), []string{"mask: 3 samples of 9223372036854775808", "that an int counts"}},
		"trials overflow":    {number(16, math.MaxInt), []string{fmt.Sprint(math.MaxInt, " samples of 7")}},
		"2⁴⁰ samples":        {number(16, 1<<40), []string{fmt.Sprint(uint64(1) << 40)}},
		"a sample more":      {number(16, 4), []string{"75 bytes for 4×7 channels", "want 76"}},
		"too large a count":  {number(32, 8), []string{"8 of 7 channels"}},
		"2⁶³ in all":         {number(40, 1<<63), []string{"3 samples of 7 channels", "9223372036854775808 in all", "that an int counts"}},
		"a whole of nothing": {number(40, 9), []string{"a tensor of 9 channels", "a mask of 7", "fixed count"}},
		"a whole too small":  {func(b []byte) []byte { return number(40, 7)(number(32, 3)(b)) }, []string{"a tensor of 7 channels", "a mask of 7"}},
		"count of noise":     {func(b []byte) []byte { return number(32, 3)(set(5, byte(mask.Gaussian))(b)) }, []string{"3 channels kept", "Gaussian"}},
		"noise without rule": {number(48, 1), []string{"noise", "Reciprocal", "Gaussian"}},
		"a byte more":        {func(b []byte) []byte { return append(b, 0) }, []string{"76 bytes", "want 75"}},
		"bits past the last": {set(74, 0x20), []string{"0x20", "lowest 5 bits"}},
	} {
		err := new(mask.Mask).UnmarshalBinary(c.damage(bytes.Clone(good)))
		if err == nil {
			t.Errorf("%s: no error", what)
			continue
		}
		for _, w := range c.words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", what, err, w)
			}
		}
	}
}

// Memory must not be reserved for what a header promises and the data do not hold.
func TestHugeBinaryFormsTakeNoMemory(t *testing.T) {
	header := []byte(encoded(t, drawn(t, 0, 0, 0.25, 1, 2, 3)))
	sizes := []uint64{0, 1, 2, 63, 1 << 10, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 40, 1<<62 - 1, 1<<63 - 64, 1<<63 - 1, 1 << 63, 1<<64 - 1}
	var m mask.Mask
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tried := 0
	for _, samples := range sizes {
		for _, channels := range sizes {
			for _, bytes := range []int{0, 1, 8} {
				data := append(header[:72:72], make([]byte, bytes)...)
				bin.LittleEndian.PutUint64(data[16:], samples)
				bin.LittleEndian.PutUint64(data[24:], channels)
				tried++
				if err := m.UnmarshalBinary(data); err != nil {
					continue
				}
				if samples > math.MaxInt || channels > math.MaxInt || samples*channels > 64 {
					t.Errorf("%d bytes are a mask of %d×%d", len(data), samples, channels)
				}
			}
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(tried); each > 4096 {
		t.Errorf("%d bytes reserved for a mask of 72 to 80 bytes", each)
	}
}

// The largest number of samples is a valid mask if there are no channels, and vice versa.
func TestEmptyMasksOfAnySizeComeBack(t *testing.T) {
	for _, shape := range [][2]int{{math.MaxInt, 0}, {0, math.MaxInt}} {
		m := drawn(t, shape[0], shape[1], 0.25, 1, 2, 3)
		back := new(mask.Mask)
		if err := back.UnmarshalBinary([]byte(encoded(t, m))); err != nil || !back.Equal(m) || back.Samples() != shape[0] || back.Channels() != shape[1] {
			t.Errorf("%v comes back as %v, %v", m, back, err)
		}
	}
}

// Masks that keep nothing, or hold nothing, differ only in their shapes.
func TestEqualComparesShapes(t *testing.T) {
	shapes := [][2]int{{2, 3}, {2, 5}, {4, 3}, {3, 2}, {0, 3}, {2, 0}, {0, 5}, {4, 0}}
	for i, a := range shapes {
		for j, b := range shapes {
			if drawn(t, a[0], a[1], 1, 0, 0, 0).Equal(drawn(t, b[0], b[1], 1, 0, 0, 0)) != (i == j) {
				t.Errorf("masks of %v and %v that keep nothing are equal: %v", a, b, i != j)
			}
		}
	}
}

func TestDecodingReusesMemory(t *testing.T) {
	m := new(mask.Mask)
	data := []byte(encoded(t, drawn(t, 50, 100, 0.25, 1, 2, 3)))
	if n := allocations(func() {
		if err := m.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Every property by itself makes masks unequal.
func TestEqualComparesEverything(t *testing.T) {
	base := func() *mask.Mask { return drawn(t, 3, 70, 0.3, 1, 2, 3) }
	if !base().Equal(base()) {
		t.Error("a mask is not equal to its like")
	}
	same := base()
	same.Set(2, 69, !same.Kept(2, 69))
	same.Set(2, 69, !same.Kept(2, 69))
	if !base().Equal(same) {
		t.Error("a mask is not equal to itself after Set and Set")
	}
	reset := func(samples, channels int, rate float64, a mask.Arithmetic) func(m *mask.Mask) {
		return func(m *mask.Mask) {
			if err := m.Reset(samples, channels, rate, a); err != nil {
				t.Fatal(err)
			}
		}
	}
	noise := func(seed uint64, at mask.Place) func(m *mask.Mask) {
		return func(m *mask.Mask) {
			if err := m.Reset(3, 70, 0.3, mask.Arithmetic{Rule: mask.Gaussian}); err != nil {
				t.Fatal(err)
			}
			if err := mask.Philox(seed).Draw(m, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := []*mask.Mask{base()}
	names := []string{"drawn"}
	for name, change := range map[string]func(m *mask.Mask){
		"another channel": func(m *mask.Mask) { m.Set(2, 69, !m.Kept(2, 69)) },
		"all kept":        reset(3, 70, 0.3, mask.Arithmetic{}),
		"another rate":    reset(3, 70, 0.4, mask.Arithmetic{}),
		"another shape":   reset(70, 3, 0.3, mask.Arithmetic{}),
		"another policy":  reset(3, 70, 0.3, mask.Arithmetic{Policy: mask.Multiply}),
		"another rule":    reset(3, 70, 0.3, mask.Arithmetic{Rule: mask.Quotient}),
		"no trials":       reset(0, 70, 0.3, mask.Arithmetic{}),
		"a count of all":  func(m *mask.Mask) { _ = mask.Philox(0).DrawCount(m, 70, mask.Place{}) },
		"noise":           noise(1, mask.Place{}),
		"other noise":     noise(2, mask.Place{}),
		"a later step":    noise(1, mask.Place{Step: 1}),
		"other samples":   noise(1, mask.Place{Shard: mask.Shard{SampleOffset: 1}}),
		"other channels":  noise(1, mask.Place{Shard: mask.Shard{ChannelOffset: 1}}),
		"more channels":   noise(1, mask.Place{Shard: mask.Shard{Channels: 71}}),
		"a part of more":  func(m *mask.Mask) { _ = mask.Philox(0).DrawCount(m, 71, mask.Place{Shard: mask.Shard{Channels: 71}}) },
	} {
		m := base()
		change(m)
		all, names = append(all, m), append(names, name)
	}
	for i, a := range all {
		for j, b := range all {
			if a.Equal(b) != (i == j) {
				t.Errorf("%s equals %s: %v", names[i], names[j], i != j)
			}
		}
	}
}

func TestAppendKeptIsKeptChannelByChannel(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for i := range 60 {
		samples, channels := 1+r.IntN(9), r.IntN(200)
		if i < 3 {
			channels = 64 * i // rows that end with a word, or are none
		}
		m := drawn(t, samples, channels, []float64{0, 0.02, 0.5, 0.98, 1}[r.IntN(5)], r.Uint64(), 0, 0)
		for n := range samples {
			var want []int
			for c := range channels {
				if m.Kept(n, c) {
					want = append(want, c)
				}
			}
			if got := m.AppendKept(nil, n); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%v\nsample %d: kept %v, want %v", m, n, got, want)
			}
			if listed := m.AppendKept([]int{-7}, n); listed[0] != -7 || fmt.Sprint(listed[1:]) != fmt.Sprint(want) {
				t.Fatalf("%v\nsample %d: the list %v, want %v after -7", m, n, listed, want)
			}
		}
	}
}

func TestSamplesOutOfRangePanic(t *testing.T) {
	m := drawn(t, 2, 3, 0.5, 0, 0, 0)
	for _, n := range []int{-1, 2, math.MaxInt, math.MinInt} {
		if got := panics(t, fmt.Sprint("AppendKept ", n), func() { m.AppendKept(nil, n) }); !strings.Contains(got, fmt.Sprint("sample ", n)) || !strings.Contains(got, "2×3") {
			t.Errorf("AppendKept(%d) panics with %q", n, got)
		}
	}
}

func TestStringShowsChannels(t *testing.T) {
	m, err := mask.New(2, 5, 0.25, mask.Arithmetic{Policy: mask.Multiply})
	if err != nil {
		t.Fatal(err)
	}
	m.Set(0, 1, false)
	m.Set(1, 4, false)
	if got, want := m.String(), "2×5 channels, rate 0.25, Multiply, Reciprocal\n#.###\n####."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	m = sharedBy(t, mask.Philox(0), mask.FixedCount, 1, 4, 0.5, mask.Place{})
	if got := m.String(); !strings.HasPrefix(got, "1×4 channels, rate 0.5, Select, Reciprocal, 2 kept in each sample\n") || strings.Count(got, "#") != 2 {
		t.Errorf("%q", got)
	}
	if got, want := new(mask.Mask).String(), "0×0 channels, rate 0, Select, Reciprocal"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, c := range []struct{ samples, channels, lines, marks int }{{64, 64, 65, 64 * 64}, {65, 65, 66, 64 * 64}, {100, 3, 66, 3 * 64}, {3, 1000, 4, 3 * 64}} {
		m := drawn(t, c.samples, c.channels, 0, 0, 0, 0)
		got := m.String()
		if strings.Count(got, "\n")+1 != c.lines || strings.Count(got, "#") != c.marks {
			t.Errorf("%d×%d: %d lines with %d channels, want %d with %d", c.samples, c.channels, strings.Count(got, "\n")+1, strings.Count(got, "#"), c.lines, c.marks)
		}
		if more := fmt.Sprintf(" and %d more\n", c.channels-64); c.channels > 64 != strings.Contains(got, more) {
			t.Errorf("%d×%d: %q", c.samples, c.channels, got)
		}
		if more := fmt.Sprintf("\nand %d more samples", c.samples-64); c.samples > 64 != strings.HasSuffix(got, more) {
			t.Errorf("%d×%d: %q", c.samples, c.channels, got)
		}
	}
}

// The rate -0 is the rate 0.
func TestNegativeZeroIsTheRateZero(t *testing.T) {
	for _, m := range []*mask.Mask{new(mask.Mask), drawn(t, 2, 3, 0.5, 1, 2, 3)} {
		if err := m.Reset(2, 3, math.Copysign(0, -1), mask.Arithmetic{}); err != nil {
			t.Fatal(err)
		}
		if zero := drawn(t, 2, 3, 0, 0, 0, 0); everything(m) != everything(zero) || encoded(t, m) != encoded(t, zero) {
			t.Errorf("%v, want %v", m, zero)
		}
	}
}
