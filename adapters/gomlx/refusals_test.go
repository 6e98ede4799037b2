package gomlx_test

import (
	"errors"
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
	"github.com/spatialdropout/spatialdropout/mask"
)

// buildOn returns the error of a layer in training on a tensor.
func buildOn(t testing.TB, x *tensors.Tensor, l layer) error {
	t.Helper()
	exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.Store().SetTraining(x.Graph(), true)
		return l(scope, x)
	})
	must(t, err)
	_, err = exec.Call(x)
	return err
}

func build(t testing.TB, l layer) error {
	t.Helper()
	return buildOn(t, tensors.FromShape(shapes.Make(dtypes.Float32, 2, 3, 4)), l)
}

// as returns a function that finds an error of a type.
func as[E error]() func(error) bool {
	return func(err error) bool {
		var target E
		return errors.As(err, &target)
	}
}

// refusesRate reports whether an error is that of a rate.
func refusesRate(err error) bool {
	var refused *mask.ArgumentError
	return errors.As(err, &refused) && refused.Argument == "rate"
}

func TestRefusals(t *testing.T) {
	other, err := spatialdropout.New(0.5)
	must(t, err)
	always, err := spatialdropout.New(0.5, spatialdropout.WithAlways())
	must(t, err)
	ok := tensors.FromShape(shapes.Make(dtypes.Float32, 2, 3, 4))
	masks := func(scope *model.Scope, x *graph.Node, dims ...int) *graph.Node {
		return graph.Zeros(x.Graph(), shapes.Make(x.DType(), dims...))
	}
	for what, c := range map[string]struct {
		x      *tensors.Tensor
		layer  layer
		wanted func(error) bool
	}{
		"rank 1": {tensors.FromShape(shapes.Make(dtypes.Float32, 4)), func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).Done()
		}, as[*gomlx.ShapeError]()},
		"a scalar": {tensors.FromShape(shapes.Make(dtypes.Float32)), func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).Done()
		}, as[*gomlx.ShapeError]()},
		"integers": {tensors.FromShape(shapes.Make(dtypes.Int32, 2, 3)), func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).Done()
		}, as[*gomlx.ShapeError]()},
		"a negative rate": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(-0.1).Done()
		}, refusesRate},
		"a rate above 1": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(1.1).Done()
		}, refusesRate},
		"NaN": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(math.NaN()).Done()
		}, refusesRate},
		"a rate of the hyperparameters": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			s.SetParam(gomlx.ParamRate, 7)
			return gomlx.Dropout(s, x).Done()
		}, refusesRate},
		"a negative common seed": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			s.SetParam(gomlx.ParamSeed, -1)
			return gomlx.Dropout(s, x).WithRate(0.5).Done()
		}, as[*gomlx.StateError]()},
		"a common seed that is too large": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			s.SetParam(gomlx.ParamSeed, uint64(1<<63))
			return gomlx.Dropout(s, x).WithRate(0.5).Done()
		}, as[*gomlx.StateError]()},
		"a common seed that is no whole number": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			s.SetParam(gomlx.ParamSeed, 1.5)
			return gomlx.Dropout(s, x).WithRate(0.5).Done()
		}, as[*gomlx.StateError]()},
		"a common seed that no integer holds": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			s.SetParam(gomlx.ParamSeed, 0x1p63)
			return gomlx.Dropout(s, x).WithRate(0.5).Done()
		}, as[*gomlx.StateError]()},
		"an unknown axis": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).ChannelsAxis(7).Done()
		}, as[*gomlx.ShapeError]()},
		"a nil option": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).WithOptions(nil).Done()
		}, as[*spatialdropout.ArgumentError]()},
		"a seed and a stream": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).WithOptions(spatialdropout.WithSeed(1), spatialdropout.WithStream(mask.Philox(1))).Done()
		}, as[*spatialdropout.ArgumentError]()},
		"a generator": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).WithOptions(spatialdropout.WithGenerator(other.Generator())).Done()
		}, as[*gomlx.UnsupportedError]()},
		"Gaussian noise": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).WithOptions(spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Gaussian})).Done()
		}, as[*gomlx.UnsupportedError]()},
		"a fixed count": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).WithOptions(spatialdropout.WithSharing(mask.FixedCount)).Done()
		}, as[*gomlx.UnsupportedError]()},
		"a schedule": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).WithOptions(spatialdropout.WithSchedule(waves{})).Done()
		}, as[*gomlx.UnsupportedError]()},
		"a long ramp": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).WithOptions(spatialdropout.WithSchedule(spatialdropout.Ramp(1 << 40))).Done()
		}, as[*gomlx.UnsupportedError]()},
		"a shard too small": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).WithOptions(spatialdropout.WithShard(mask.Shard{ChannelOffset: 1, Channels: 3})).Done()
		}, as[*mask.PlaceError]()},
		"two layers in a scope": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, gomlx.Dropout(s, x).WithRate(0.5).Done()).WithRate(0.4).Done()
		}, as[*gomlx.StateError]()},
		"nothing to restore": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).Restored().Done()
		}, as[*gomlx.StateError]()},
		"a rate beside Restored": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).Restored().WithRate(0.5).Done()
		}, as[*gomlx.StateError]()},
		"a broken state": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			s.SetParam("spatial_dropout_state", "{")
			return gomlx.Dropout(s, x).WithRate(0.5).Done()
		}, as[*gomlx.StateError]()},
		"no masks": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithMasks(other, nil).Done()
		}, as[*gomlx.ShapeError]()},
		"no masks in evaluation with WithAlways": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			s.Store().SetTraining(x.Graph(), false)
			return gomlx.Dropout(s, x).WithMasks(always, nil).Done()
		}, as[*gomlx.ShapeError]()},
		"no Dropout of the masks": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithMasks(nil, masks(s, x, 3, 2, 4)).Done()
		}, as[*spatialdropout.UseError]()},
		"neither masks nor their Dropout": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithMasks(nil, nil).Done()
		}, as[*spatialdropout.UseError]()},
		"a zero Dropout of the masks": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithMasks(new(spatialdropout.Dropout), masks(s, x, 3, 2, 4)).Done()
		}, as[*spatialdropout.UseError]()},
		"masks of another batch": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithMasks(other, masks(s, x, 3, 5, 4)).Done()
		}, as[*gomlx.ShapeError]()},
		"masks of the wrong axis": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).ChannelsAxis(images.ChannelsFirst).WithMasks(other, masks(s, x, 3, 2, 4)).Done()
		}, as[*gomlx.ShapeError]()},
		"masks of another type": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithMasks(other, graph.ConvertDType(masks(s, x, 3, 2, 4), dtypes.Float64)).Done()
		}, as[*gomlx.ShapeError]()},
		"a rate beside masks": {ok, func(s *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(s, x).WithRate(0.5).WithMasks(other, masks(s, x, 3, 2, 4)).Done()
		}, as[*gomlx.UnsupportedError]()},
	} {
		if err := buildOn(t, c.x, c.layer); !c.wanted(err) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

func TestDrawRefuses(t *testing.T) {
	d, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1))
	must(t, err)
	if _, err := gomlx.Draw(d, dtypes.Int8, 2, 3); !as[*gomlx.ShapeError]()(err) {
		t.Errorf("integers: error %v", err)
	}
	if _, err := gomlx.Draw(d, dtypes.Float32, -2, 3); err == nil {
		t.Error("a negative number of samples: no error")
	}
	if _, err := gomlx.Draw(nil, dtypes.Float32, 2, 3); !as[*spatialdropout.UseError]()(err) {
		t.Errorf("no Dropout: error %v", err)
	}
	if step := d.State().Step; step != 0 {
		t.Errorf("%d steps are spent", step)
	}
}

// Tensors without elements pass, and spend a step, as in the core.
func TestEmptyTensors(t *testing.T) {
	for _, dims := range [][]int{{0, 3, 4}, {2, 0, 4}, {2, 3, 0}} {
		c := shapeCase{images.ChannelsLast, dims}
		inGraph(t, elements[0], []shapeCase{c, shapeCases[0]}, 0.5, spatialdropout.WithSeed(1))
	}
}

// A dimension that a graph does not know when it is built is refused.
func TestDynamicAxes(t *testing.T) {
	for what, c := range map[string]struct {
		configure func(*model.Exec)
		wanted    func(error) bool
	}{
		"a dynamic batch": {func(e *model.Exec) { e.WithDynamicAxes([]string{"batch", "", ""}) }, as[*gomlx.ShapeError]()},
		"a known one":     {func(*model.Exec) {}, func(err error) bool { return err == nil }},
	} {
		exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
			scope.Store().SetTraining(x.Graph(), true)
			return gomlx.Dropout(scope, x).WithRate(0.5).Done()
		})
		must(t, err)
		c.configure(exec)
		if _, err := exec.Call(tensors.FromShape(shapes.Make(dtypes.Float32, 2, 3, 4))); !c.wanted(err) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}
