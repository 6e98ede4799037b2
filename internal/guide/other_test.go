package guide_test

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Calls whose rule there is, but whose numbers are not those of the framework.

func Example_gaussianDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithSeed(12), spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Gaussian})))
	forward(drop, must(layout.NC.Of(1, 16)))
	// Output:
	// [1.0412488 0.37712353 3.921184 5.5048623 5.6681824 7.085292 7.1988173 14.931331 -1.6927533 2.1926048 12.296896 6.4080462 10.702965 16.495235 0.051360063 31.453493]
}

func Example_alphaDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithSeed(12), spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Alpha})))
	forward(drop, must(layout.NC.Of(1, 16)))
	// Output:
	// [1.3150446 2.1759973 -1.0595483 3.8979025 -1.0595483 5.6198077 -1.0595483 -1.0595483 8.202665 9.063618 9.924571 10.785523 -1.0595483 12.507429 -1.0595483 -1.0595483]
}

func Example_globalSeed() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithSeed(12)))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output:
	// [1.4285715 2.857143 0 5.714286 7.1428576 8.571428 0 11.428572 0 14.285715 0 0 0 20 0 0]
}
