package guide_test

import (
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func Example_torchDropout1d() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.NCW.Of(2, 4, 2)))
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572 12.857143 14.285715 15.714286 17.142857 18.571428 20 0 0]
}

func Example_torchDropout2d() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572 12.857143 14.285715 15.714286 17.142857 18.571428 20 0 0]
}

func Example_torchDropout3d() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.NCDHW.Of(2, 4, 1, 1, 2)))
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572 12.857143 14.285715 15.714286 17.142857 18.571428 20 0 0]
}

func Example_torchEvaluation() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	evaluate(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]
}

func Example_torchInPlace() {
	drop, err := spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))) // once
	if err != nil {
		log.Fatal(err)
	}
	geom := must(layout.NCHW.Of(2, 4, 1, 2))
	x := numbers(geom)
	must(drop.Forward(spatialdropout.Of(x, geom), spatialdropout.Of(x, geom)))
	fmt.Println(x)
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572 12.857143 14.285715 15.714286 17.142857 18.571428 20 0 0]
}

func Example_torchChannelsLast() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 0 0 5.714286 7.1428576 0 0 11.428572 12.857143 14.285715 15.714286 0 18.571428 20 21.428572 0]
}

func Example_torchThreeAxes() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.NCW.Of(4, 1, 2)))
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572]
}

func Example_torchUnbatched1d() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.CW.Of(4, 2)))
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572]
}

func Example_torchUnbatched3d() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.CDHW.Of(4, 1, 1, 2)))
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572]
}

func Example_torchBFloat16() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forwardHalf(kernel.BF16, drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1.4296875 2.859375 0 0 0 0 10 11.4375 12.875 14.3125 15.75 17.125 18.625 20 0 0]
}

func Example_torchGradient() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	geom := must(layout.NCHW.Of(2, 4, 1, 2))
	x, dy, dx := numbers(geom), numbers(geom), make([]float32, geom.Len())
	y := make([]float32, geom.Len())
	pass, err := drop.Forward(spatialdropout.Of(y, geom), spatialdropout.Of(x, geom)) // y may be x
	if err != nil {
		log.Fatal(err)
	}
	if err := pass.Backward(spatialdropout.Of(dx, geom), spatialdropout.Of(dy, geom)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(dx)
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572 12.857143 14.285715 15.714286 17.142857 18.571428 20 0 0]
}

func Example_torchTwoLayers() {
	gen := spatialdropout.NewGenerator(mask.PyTorch(6))
	first := must(spatialdropout.New(0.3, spatialdropout.WithGenerator(gen)))
	second := must(spatialdropout.New(0.5, spatialdropout.WithGenerator(gen)))
	geom := must(layout.NCHW.Of(2, 4, 1, 2))
	y := numbers(geom)
	must(first.Forward(spatialdropout.Of(y, geom), spatialdropout.Of(y, geom)))
	must(second.Forward(spatialdropout.Of(y, geom), spatialdropout.Of(y, geom)))
	fmt.Println(y)
	// Output: [0 0 0 0 0 0 20 22.857143 0 0 0 0 0 0 0 0]
}

func Example_torchFeatureAlphaDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6)), spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply, Rule: mask.Alpha})))
	forward(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1.3150446 2.1759973 -1.0595483 -1.0595483 -1.0595483 -1.0595483 6.4807606 7.341713 8.202665 9.063618 9.924571 10.785523 11.646476 12.507429 -1.0595483 -1.0595483]
}

func Example_torchAlphaDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6)), spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply, Rule: mask.Alpha})))
	forward(drop, must(layout.NC.Of(1, 16)))
	// Output: [1.3150446 -1.0595483 -1.0595483 3.8979025 4.758855 5.6198077 6.4807606 -1.0595483 -1.0595483 -1.0595483 9.924571 10.785523 -1.0595483 12.507429 13.3683815 -1.0595483]
}

func Example_torchDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.NC.Of(1, 16)))
	// Output: [1.4285715 0 0 5.714286 7.1428576 8.571428 10 0 0 0 15.714286 17.142857 0 20 21.428572 0]
}

func Example_torchBernoulli() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	fmt.Println(kept(must(drop.Draw(must(layout.NC.Of(2, 4))))))
	// Output: [1 0 0 1 1 1 1 0]
}
