package gomlx_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
	"github.com/spatialdropout/spatialdropout/mask"
)

// training returns an executor of a layer in training, on ones.
func training(t *testing.T, store *model.Store, l layer) func() []byte {
	t.Helper()
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.Store().SetTraining(x.Graph(), true)
		return l(scope, x)
	})
	must(t, err)
	ones := make([]float32, 2*3*64)
	for i := range ones {
		ones[i] = 1
	}
	return func() []byte {
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(ones, 2, 3, 64))
		must(t, err)
		return bytesOf(t, out[0])
	}
}

// A run that is loaded from a checkpoint goes on bit for bit: with the same code, and with
// rate and options from the checkpoint.
func TestCheckpoint(t *testing.T) {
	opts := []spatialdropout.Option{
		spatialdropout.WithSchedule(spatialdropout.Ramp(7)),
		spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Alpha}),
		spatialdropout.WithSharing(mask.PerSample),
	}
	for what, configure := range map[string]func(*gomlx.Config) *gomlx.Config{
		"a random seed": func(c *gomlx.Config) *gomlx.Config { return c.WithRate(0.4) },
		"a seed": func(c *gomlx.Config) *gomlx.Config {
			return c.WithRate(0.4).WithOptions(spatialdropout.WithSeed(1<<64 - 1))
		},
		"several options": func(c *gomlx.Config) *gomlx.Config { return c.WithRate(0.4).WithOptions(opts...) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			store := model.NewStore()
			handler, err := checkpoint.Build(store).Dir(dir).Keep(1).Done()
			must(t, err)
			run := training(t, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
				x = configure(gomlx.Dropout(scope.At("a"), x)).Done()
				return configure(gomlx.Dropout(scope.At("a").In("b"), x)).Done()
			})
			for range 3 {
				run()
			}
			must(t, handler.Save())
			var want [4][]byte
			for i := range want {
				want[i] = run()
			}
			if bytes.Equal(want[0], want[1]) {
				t.Fatal("two steps give the same")
			}
			for what, configure := range map[string]func(*gomlx.Config) *gomlx.Config{
				"the same code": configure,
				"Restored":      func(c *gomlx.Config) *gomlx.Config { return c.Restored() },
			} {
				store := model.NewStore()
				_, err := checkpoint.Build(store).Dir(dir).Keep(1).Done()
				must(t, err)
				run := training(t, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
					x = configure(gomlx.Dropout(scope.At("a"), x)).Done()
					return configure(gomlx.Dropout(scope.At("a").In("b"), x)).Done()
				})
				for i, w := range want {
					if got := run(); !bytes.Equal(got, w) {
						t.Errorf("%s: step %d after loading differs", what, i)
					}
				}
			}
		})
	}
}

// A checkpoint of another seed than the code has is refused: going on would repeat neither.
func TestAnotherSeedThanTheCheckpoints(t *testing.T) {
	store := model.NewStore()
	with := func(seed uint64) layer {
		return func(scope *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(scope, x).WithRate(0.5).WithOptions(spatialdropout.WithSeed(seed)).Done()
		}
	}
	training(t, store, with(1))()
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, x *graph.Node) *graph.Node { return with(2)(scope, x) })
	must(t, err)
	_, err = exec.Call(tensors.FromFlatDataAndDimensions(make([]float32, 8), 2, 4))
	var refused *gomlx.StateError
	if !errors.As(err, &refused) {
		t.Errorf("error %v", err)
	}
}

// The seed that layers have in common is the code's as well.
func TestAnotherCommonSeedThanTheCheckpoints(t *testing.T) {
	for what, before := range map[string]any{"another one": 1, "a random one": nil} {
		store := model.NewStore()
		l := func(scope *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(scope, x).WithRate(0.5).Done()
		}
		store.RootScope().SetParam(gomlx.ParamSeed, before)
		training(t, store, l)()
		store.RootScope().SetParam(gomlx.ParamSeed, 2)
		exec, err := model.NewExec(backend, store, l)
		must(t, err)
		_, err = exec.Call(tensors.FromFlatDataAndDimensions(make([]float32, 8), 2, 4))
		var refused *gomlx.StateError
		if !errors.As(err, &refused) {
			t.Errorf("after %s: error %v", what, err)
			continue
		}
		// The way out that the error names.
		store.RootScope().SetParam("spatial_dropout_state", "")
		if want := `an empty hyperparameter spatial_dropout_state to take another one`; !strings.HasSuffix(refused.Want, want) {
			t.Errorf("after %s: want %q, and no %q", what, refused.Want, want)
		}
		training(t, store, l)()
		want := mask.Philox(gomlx.Seed(2, "/")).String()
		if state := model.GetRootParamOr(store, "spatial_dropout_state", ""); !strings.Contains(state, want) {
			t.Errorf("after %s: the state is %s, want the stream %s", what, state, want)
		}
	}
}

// The Dropout of masks that are fed is saved as the core's JSON, in a hyperparameter.
func TestCheckpointOfMasks(t *testing.T) {
	dir := t.TempDir()
	store := model.NewStore()
	handler, err := checkpoint.Build(store).Dir(dir).Keep(1).Done()
	must(t, err)
	drop, err := spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(3)))
	must(t, err)
	draw := func(d *spatialdropout.Dropout) []byte {
		masks, err := gomlx.Draw(d, dtypes.BFloat16, 3, 50)
		must(t, err)
		return bytesOf(t, masks)
	}
	draw(drop)
	text, err := json.Marshal(drop.State())
	must(t, err)
	store.RootScope().SetParam("dropout", string(text))
	must(t, handler.Save())

	loaded := model.NewStore()
	_, err = checkpoint.Build(loaded).Dir(dir).Keep(1).Done()
	must(t, err)
	var state spatialdropout.State
	must(t, json.Unmarshal([]byte(model.GetRootParamOr(loaded, "dropout", "")), &state))
	restored, err := spatialdropout.Restore(state)
	must(t, err)
	for range 3 {
		if !bytes.Equal(draw(restored), draw(drop)) {
			t.Error("the masks differ after loading")
		}
	}
}
