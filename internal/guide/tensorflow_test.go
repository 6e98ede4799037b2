package guide_test

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func Example_tensorflowStateless() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.TensorFlow([2]int64{12, 0}, mask.Float32))))
	forward(drop, must(layout.NoiseShape([]int{2, 1, 2, 4}, []int{2, 1, 1, 4})))
	// Output: [1.4285715 0 4.285714 5.714286 7.1428576 0 10 11.428572 0 14.285715 0 0 0 20 0 0]
}

func Example_tensorflowPerSample() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.TensorFlow([2]int64{12, 0}, mask.Float32)), spatialdropout.WithSharing(mask.PerSample)))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 2.857143 4.285714 5.714286 7.1428576 8.571428 10 11.428572 0 0 0 0 0 0 0 0]
}

func Example_tensorflowPerChannel() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.TensorFlow([2]int64{12, 0}, mask.Float32)), spatialdropout.WithSharing(mask.PerChannel)))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 0 4.285714 5.714286 7.1428576 0 10 11.428572 12.857143 0 15.714286 17.142857 18.571428 0 21.428572 22.857143]
}

func Example_tensorflowTwoAxes() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.TensorFlow([2]int64{12, 0}, mask.Float32))))
	forward(drop, must(layout.NoiseShape([]int{2, 1, 2, 4}, []int{1, 1, 2, 4})))
	// Output: [1.4285715 0 4.285714 5.714286 0 8.571428 0 0 12.857143 0 15.714286 17.142857 0 20 0 0]
}

func Example_tensorflowColumns() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.TensorFlow([2]int64{12, 0}, mask.Float32))))
	forward(drop, must(layout.NoiseShape([]int{2, 1, 2, 4}, []int{2, 1, 2, 1})))
	// Output: [1.4285715 2.857143 4.285714 5.714286 0 0 0 0 12.857143 14.285715 15.714286 17.142857 18.571428 20 21.428572 22.857143]
}

func Example_tensorflowElements() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.TensorFlow([2]int64{12, 0}, mask.Float32))))
	forward(drop, must(layout.NC.Of(1, 16)))
	// Output: [1.4285715 0 4.285714 5.714286 0 8.571428 0 0 12.857143 0 15.714286 0 18.571428 20 0 0]
}

func Example_tensorflowFloat16() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.TensorFlow([2]int64{12, 0}, mask.Float16))))
	forwardHalf(kernel.F16, drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [0 2.8574219 4.2851562 5.7148438 0 8.5703125 10 11.4296875 12.859375 0 15.71875 17.140625 18.578125 0 21.4375 22.859375]
}

func Example_tensorflowXLA() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.TensorFlow([2]int64{12, 0}, mask.Float32, mask.XLA))))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 2.857143 4.285714 0 7.1428576 8.571428 10 0 12.857143 14.285715 15.714286 0 18.571428 20 21.428572 0]
}
