package guide_test

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func Example_kerasSpatialDropout1D() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(12, mask.Float32))))
	forward(drop, must(layout.NWC.Of(2, 2, 4)))
	// Output: [1.4285715 0 4.285714 5.714286 7.1428576 0 10 11.428572 0 14.285715 0 0 0 20 0 0]
}

func Example_kerasSpatialDropout2D() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(12, mask.Float32))))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 0 4.285714 5.714286 7.1428576 0 10 11.428572 0 14.285715 0 0 0 20 0 0]
}

func Example_kerasSpatialDropout3D() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(12, mask.Float32))))
	forward(drop, must(layout.NDHWC.Of(2, 1, 1, 2, 4)))
	// Output: [1.4285715 0 4.285714 5.714286 7.1428576 0 10 11.428572 0 14.285715 0 0 0 20 0 0]
}

func Example_kerasChannelsFirst() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(12, mask.Float32))))
	forward(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1.4285715 2.857143 0 0 7.1428576 8.571428 10 11.428572 0 0 15.714286 17.142857 0 0 0 0]
}

func Example_kerasTorch() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTorch(8))))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 0 0 5.714286 7.142857 0 0 11.428572 12.857143 14.285714 0 17.142857 18.571428 20 0 22.857143]
}

func Example_kerasJAX() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasJAX(12))))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [0 2.857143 0 0 0 8.571428 0 0 12.857143 0 15.714286 17.142857 18.571428 0 21.428572 22.857143]
}

func Example_kerasEvaluation() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(12, mask.Float32))))
	evaluate(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]
}

func Example_kerasPerSample() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(12, mask.Float32)), spatialdropout.WithSharing(mask.PerSample)))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 2.857143 4.285714 5.714286 7.1428576 8.571428 10 11.428572 0 0 0 0 0 0 0 0]
}

func Example_kerasPerChannel() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(12, mask.Float32)), spatialdropout.WithSharing(mask.PerChannel)))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 0 4.285714 5.714286 7.1428576 0 10 11.428572 12.857143 0 15.714286 17.142857 18.571428 0 21.428572 22.857143]
}

func Example_kerasTimeSteps() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(12, mask.Float32))))
	forward(drop, must(layout.NoiseShape([]int{2, 3, 4}, []int{2, 3, 1})))
	// Output: [1.4285715 2.857143 4.285714 5.714286 0 0 0 0 12.857143 14.285715 15.714286 17.142857 18.571428 20 21.428572 22.857143 0 0 0 0 30 31.428572 32.857143 34.285713]
}

func Example_kerasDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(12, mask.Float32))))
	forward(drop, must(layout.NC.Of(1, 16)))
	// Output: [1.4285715 0 4.285714 5.714286 0 8.571428 0 0 12.857143 0 15.714286 0 18.571428 20 0 0]
}

func Example_kerasSetRandomSeed() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.KerasTensorFlow(56224986, mask.Float32))))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 2.857143 4.285714 5.714286 7.1428576 8.571428 10 11.428572 0 14.285715 15.714286 17.142857 0 20 21.428572 22.857143]
}
