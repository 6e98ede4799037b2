package guide_test

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func Example_jaxBernoulli() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.JAX(mask.KeyOf(12, false)))))
	fmt.Println(kept(must(drop.Draw(must(layout.NC.Of(2, 4))))))
	// Output: [1 1 1 1 1 1 0 0]
}

func Example_jaxFoldIn() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.JAX(mask.KeyOf(12, false)))))
	geom := must(layout.NC.Of(2, 4))
	m := must(drop.At(mask.Place{Step: 3}, geom).Mask())
	fmt.Println(kept(m))
	// Output: [0 0 0 0 0 0 0 1]
}

func Example_jaxWhere() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.JAX(mask.KeyOf(12, false)))))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 2.857143 4.285714 5.714286 7.1428576 8.571428 10 11.428572 12.857143 14.285715 0 0 18.571428 20 0 0]
}

func Example_linenDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.Linen(mask.KeyOf(12, false), "", 1))))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 0 0 5.714286 7.1428576 0 0 11.428572 12.857143 0 15.714286 17.142857 18.571428 0 21.428572 22.857143]
}

func Example_linenChannelsFirst() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.Linen(mask.KeyOf(12, false), "", 1))))
	forward(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572 12.857143 14.285715 0 0 18.571428 20 21.428572 22.857143]
}

func Example_linenPerSample() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.Linen(mask.KeyOf(12, false), "", 1)), spatialdropout.WithSharing(mask.PerSample)))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 2.857143 4.285714 5.714286 7.1428576 8.571428 10 11.428572 0 0 0 0 0 0 0 0]
}

func Example_linenPerChannel() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.Linen(mask.KeyOf(12, false), "", 1)), spatialdropout.WithSharing(mask.PerChannel)))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 0 0 5.714286 7.1428576 0 0 11.428572 12.857143 0 0 17.142857 18.571428 0 0 22.857143]
}

func Example_linenElements() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.Linen(mask.KeyOf(12, false), "", 1))))
	forward(drop, must(layout.NC.Of(1, 16)))
	// Output: [1.4285715 0 0 5.714286 7.1428576 0 10 11.428572 12.857143 14.285715 15.714286 17.142857 0 20 21.428572 22.857143]
}

func Example_linenEvaluation() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.Linen(mask.KeyOf(12, false), "", 1))))
	evaluate(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]
}

func Example_nnxDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.NNX(mask.KeyOf(12, false), 0))))
	forward(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1.4285715 2.857143 4.285714 0 7.1428576 8.571428 10 0 0 14.285715 15.714286 0 0 20 21.428572 0]
}

func Example_nnxEvaluation() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.NNX(mask.KeyOf(12, false), 0))))
	evaluate(drop, must(layout.NHWC.Of(2, 1, 2, 4)))
	// Output: [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]
}
