package guide_test

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func Example_timmDropPath() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6)), spatialdropout.WithSharing(mask.PerSample)))
	forward(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1.4285715 2.857143 4.285714 5.714286 7.1428576 8.571428 10 11.428572 0 0 0 0 0 0 0 0]
}

func Example_timmUnscaled() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6)), spatialdropout.WithSharing(mask.PerSample), spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply, Rule: mask.Unscaled})))
	forward(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1 2 3 4 5 6 7 8 0 0 0 0 0 0 0 0]
}

func Example_torchvisionRow() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6)), spatialdropout.WithSharing(mask.PerSample)))
	forward(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1.4285715 2.857143 4.285714 5.714286 7.1428576 8.571428 10 11.428572 0 0 0 0 0 0 0 0]
}

func Example_torchvisionBatch() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.CW.Of(1, 16)))
	// Output: [1.4285715 2.857143 4.285714 5.714286 7.1428576 8.571428 10 11.428572 12.857143 14.285715 15.714286 17.142857 18.571428 20 21.428572 22.857143]
}

func Example_monaiDropPath() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6)), spatialdropout.WithSharing(mask.PerSample)))
	forward(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1.4285715 2.857143 4.285714 5.714286 7.1428576 8.571428 10 11.428572 0 0 0 0 0 0 0 0]
}

func Example_monaiDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.NCHW.Of(2, 4, 1, 2)))
	// Output: [1.4285715 2.857143 0 0 0 0 10 11.428572 12.857143 14.285715 15.714286 17.142857 18.571428 20 0 0]
}

func Example_fastaiRNNDropout() {
	drop := must(spatialdropout.New(0.3, spatialdropout.WithStream(mask.PyTorch(6))))
	forward(drop, must(layout.NWC.Of(2, 3, 4)))
	// Output: [1.4285715 0 0 5.714286 7.1428576 0 0 11.428572 12.857143 0 0 17.142857 18.571428 20 21.428572 0 24.285715 25.714287 27.142859 0 30 31.428572 32.857143 0]
}

func Example_onednnDropout() {
	drop := must(spatialdropout.New(0.2, spatialdropout.WithStream(mask.OneDNN(42))))
	fmt.Println(kept(must(drop.Draw(must(layout.NC.Of(1, 39))))))
	// Output: [1 1 1 1 1 1 0 0 1 0 1 1 1 1 1 1 1 0 1 0 1 1 1 1 0 1 0 1 1 1 1 1 1 1 1 1 1 1 1]
}
