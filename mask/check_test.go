package mask_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// Every combination of stream, policy, rule and sharing is an error, or can be drawn and
// then has numbers.
func TestCheckFindsContradictions(t *testing.T) {
	streams := []mask.Stream{mask.Philox(0), mask.PyTorch(0), parse("tensorflow"), mask.Source(rand.NewPCG(1, 1))}
	for _, s := range streams {
		philox := of(s).name == "philox"
		_, counter := s.(mask.Counter)
		for _, policy := range everyPolicy {
			for _, rule := range everyRule {
				for sharing := mask.Each; sharing <= mask.FixedCount; sharing++ {
					a := mask.Arithmetic{Policy: policy, Rule: rule}
					var want []string
					switch {
					case rule == mask.Expectation:
						want = []string{"Expectation in training", "want AtInference"}
					case rule == mask.AlphaGradient:
						want = []string{"AlphaGradient in training", "want Alpha"}
					case (rule == mask.Quotient || rule == mask.CompiledQuotient) && policy == mask.Multiply:
						want = []string{rule.String() + " with Multiply", "want Select"}
					case rule == mask.Gaussian && !philox:
						want = []string{"Gaussian", s.String(), "want Philox"}
					case rule == mask.Gaussian && sharing != mask.Each:
						want = []string{"Gaussian with " + sharing.String(), "want Each"}
					case sharing == mask.FixedCount && !counter:
						want = []string{"a fixed count from " + s.String(), "Counter"}
					case sharing == mask.FixedCount && (rule == mask.Alpha || rule == mask.AtInference):
						want = []string{rule.String() + " with FixedCount", "want Each, PerChannel or PerSample"}
					}
					err := mask.Check(0.4, s, a, sharing)
					if want == nil {
						if err != nil {
							t.Errorf("%v, %v, %v: %v", s, a, sharing, err)
						}
						m, err := mask.New(2, 5, 0.4, a)
						if err != nil {
							t.Fatal(err)
						}
						fresh := s
						if of(s).name == "source" {
							fresh = mask.Source(rand.NewPCG(1, 1))
						}
						if err := mask.Draw(m, fresh, sharing, mask.Place{}); err != nil {
							t.Errorf("%v, %v, %v: no contradiction, but %v", s, a, sharing, err)
						}
						continue
					}
					if !refuses(err, "policy") && !refuses(err, "rule") && !refuses(err, "sharing") && !refuses(err, "stream") {
						t.Errorf("%v, %v, %v: %v, want an ArgumentError", s, a, sharing, err)
						continue
					}
					for _, w := range append(want, "mask: ", ", want ") {
						if !strings.Contains(err.Error(), w) {
							t.Errorf("%v, %v, %v: %q does not say %q", s, a, sharing, err, w)
						}
					}
				}
			}
		}
	}
	for _, c := range []struct {
		argument, words string
		err             error
	}{
		{"policy", "Policy(2), want Select or Multiply", mask.Check(0.5, mask.Philox(0), mask.Arithmetic{Policy: 2}, mask.Each)},
		{"rule", "Rule(11), want Reciprocal, ", mask.Check(0.5, mask.Philox(0), mask.Arithmetic{Rule: 11}, mask.Each)},
		{"sharing", "Sharing(4), want Each, PerChannel, PerSample or FixedCount", mask.Check(0.5, mask.Philox(0), mask.Arithmetic{}, 4)},
		{"stream", "no stream, want one of this package", mask.Check(0.5, nil, mask.Arithmetic{}, mask.Each)},
	} {
		if !refuses(c.err, c.argument) || !strings.Contains(c.err.Error(), c.words) {
			t.Errorf("%v, want an ArgumentError of the %s that says %q", c.err, c.argument, c.words)
		}
	}
}

// refuses reports whether err refuses an argument for what it is.
func refuses(err error, argument string) bool {
	var refused *mask.ArgumentError
	return errors.As(err, &refused) && refused.Argument == argument
}

// A mask of Gaussian noise is drawn by Philox, channel by channel, and in no other way.
func TestNoiseIsDrawnByPhiloxAlone(t *testing.T) {
	m, err := mask.New(3, 7, 0.3, mask.Arithmetic{Rule: mask.Gaussian})
	if err != nil {
		t.Fatal(err)
	}
	before := encoded(t, m)
	for _, s := range makers(t) {
		if s.name == "philox" {
			continue
		}
		if err := s.of(1).Draw(m, mask.Place{}); !refuses(err, "stream") || !strings.Contains(err.Error(), "want Philox") {
			t.Errorf("%s draws noise: %v", s.name, err)
		}
	}
	for name, err := range map[string]error{
		"PerChannel": mask.Draw(m, mask.Philox(0), mask.PerChannel, mask.Place{}),
		"PerSample":  mask.Draw(m, mask.Philox(0), mask.PerSample, mask.Place{}),
		"FixedCount": mask.Draw(m, mask.Philox(0), mask.FixedCount, mask.Place{}),
		"DrawCount":  mask.Philox(0).DrawCount(m, 3, mask.Place{}),
		"a source's": mask.Source(rand.NewPCG(1, 1)).DrawCount(m, 3, mask.Place{}),
	} {
		if !refuses(err, "sharing") && !refuses(err, "rule") {
			t.Errorf("%s noise: %v, want an ArgumentError", name, err)
		}
	}
	if encoded(t, m) != before {
		t.Error("errors have changed the mask")
	}
}

func TestArithmeticOfEvaluationAndGradient(t *testing.T) {
	for _, policy := range everyPolicy {
		for _, rule := range everyRule {
			a := mask.Arithmetic{Policy: policy, Rule: rule}
			gradient := a
			if rule == mask.Alpha {
				gradient.Rule = mask.AlphaGradient
			}
			m, err := mask.New(2, 3, 0.5, a)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Gradient().Arithmetic(); got != gradient {
				t.Errorf("%v: the gradient's is %v, want %v", a, got, gradient)
			}
			want, scales := mask.Arithmetic{}, rule == mask.AtInference
			if scales {
				want = mask.Arithmetic{Policy: policy, Rule: mask.Expectation}
			}
			if got, ok := a.Evaluation(); got != want || ok != scales {
				t.Errorf("%v: evaluation's is %v, %v, want %v, %v", a, got, ok, want, scales)
			}
		}
	}
}

// Options are kept in configuration files: as names.
func TestArithmeticAndSharingAreTexts(t *testing.T) {
	type options struct {
		Arithmetic mask.Arithmetic
		Sharing    mask.Sharing
	}
	for _, policy := range everyPolicy {
		for _, rule := range everyRule {
			for sharing := mask.Each; sharing <= mask.FixedCount; sharing++ {
				o := options{mask.Arithmetic{Policy: policy, Rule: rule}, sharing}
				text, err := json.Marshal(o)
				if want := fmt.Sprintf(`{"Arithmetic":{"policy":"%v","rule":"%v"},"Sharing":"%v"}`, policy, rule, sharing); err != nil || string(text) != want {
					t.Fatalf("%s, %v, want %s", text, err, want)
				}
				var back options
				if err := json.Unmarshal(text, &back); err != nil || back != o {
					t.Fatalf("%s is %+v, %v", text, back, err)
				}
			}
		}
	}
	var typed *mask.ArgumentError
	for text, want := range map[string]string{
		`{"Arithmetic":{"policy":"select"}}`: `unknown policy "select", want Select or Multiply`,
		`{"Arithmetic":{"rule":""}}`:         `unknown rule "", want Reciprocal, `,
		`{"Sharing":"Sharing(4)"}`:           `unknown sharing "Sharing(4)", want Each, PerChannel, PerSample or FixedCount`,
	} {
		var o options
		if err := json.Unmarshal([]byte(text), &o); !errors.As(err, &typed) || !strings.Contains(err.Error(), want) || o != (options{}) {
			t.Errorf("%s is %+v, %v, want %q", text, o, err, want)
		}
	}
	for _, o := range []options{{Arithmetic: mask.Arithmetic{Policy: 2}}, {Arithmetic: mask.Arithmetic{Rule: 11}}, {Sharing: 4}} {
		if text, err := json.Marshal(o); !errors.As(err, &typed) {
			t.Errorf("%+v is written as %s, %v", o, text, err)
		}
	}
}

// Callers tell errors apart by their types and arguments.
func TestErrorsAreTyped(t *testing.T) {
	m := drawn(t, 3, 70, 0.3, 1, 2, 3)
	_, rate := mask.New(1, 1, 1.5, mask.Arithmetic{})
	_, samples := mask.New(-1, 2, 0.5, mask.Arithmetic{})
	_, channels := mask.New(1, -2, 0.5, mask.Arithmetic{})
	_, rule := mask.New(1, 1, 0.5, mask.Arithmetic{Rule: 99})
	_, stream := mask.ParseStream("nothing")
	_, typ := mask.TensorFlow([2]int64{}, 9)
	as := func(err error, target any) bool { return errors.As(err, target) }
	for name, ok := range map[string]bool{
		"rate":       refuses(rate, "rate") && refuses(mask.Check(-1, mask.Philox(0), mask.Arithmetic{}, mask.Each), "rate"),
		"samples":    refuses(samples, "samples"),
		"channels":   refuses(channels, "channels"),
		"rule":       refuses(rule, "rule"),
		"stream":     refuses(stream, "stream"),
		"count":      refuses(mask.Philox(0).DrawCount(m, 71, mask.Place{}), "count"),
		"place":      as(mask.PyTorch(0).Draw(m, mask.Place{Shard: mask.Shard{SampleOffset: 3, Samples: 5}}), new(*mask.PlaceError)),
		"source":     as(mask.Source(rand.NewPCG(1, 1)).Draw(m, mask.Place{Cursor: 1 << 40}), new(*mask.PlaceError)),
		"type":       refuses(typ, "stream"),
		"sharing":    refuses(mask.Draw(m, mask.Philox(0), 9, mask.Place{}), "sharing"),
		"format":     refuses(m.UnmarshalBinary(nil), "data"),
		"no counter": refuses(mask.Draw(m, mask.OneDNN(0), mask.FixedCount, mask.Place{}), "stream"),
	} {
		if !ok {
			t.Errorf("%s: another type of error", name)
		}
	}
}
