package main

import "testing"

// Spatial dropout drops or keeps whole maps, and element-wise dropout each element for itself,
// about as many at the same rate. What is kept is scaled, and so is the gradient.
func TestWhatIsDroppedTogether(t *testing.T) {
	const n, rate = 50, 0.25
	in := shape{16, 5, 5}
	for _, k := range kinds[1:] {
		d, err := newDropout[float32](k, in, rate, 1)
		if err != nil {
			t.Fatal(err)
		}
		x := ones(n * in.len())
		y, err := d.forward(x, n, true)
		if err != nil {
			t.Fatal(err)
		}
		dx, err := d.backward(x, n)
		if err != nil {
			t.Fatal(err)
		}
		var dropped, mixed int
		for plane := 0; plane < len(y); plane += in.plane() {
			zeros := 0
			for i, v := range y[plane:][:in.plane()] {
				want := float32(1 / (1 - rate))
				if v == 0 {
					zeros++
					want = 0
				}
				if v != want || dx[plane+i] != want {
					t.Fatalf("%v: output %v and gradient %v, want %v", k, v, dx[plane+i], want)
				}
			}
			dropped += zeros
			if zeros > 0 && zeros < in.plane() {
				mixed++
			}
		}
		if share := float64(dropped) / float64(len(y)); share < rate-0.05 || share > rate+0.05 {
			t.Errorf("%v: a share of %v is dropped, want about %v", k, share, rate)
		}
		if k == spatial && mixed > 0 {
			t.Errorf("%v: %d maps are dropped in part", k, mixed)
		}
		if k == element && mixed < n*in.channels*9/10 {
			t.Errorf("%v: %d of %d maps are dropped in part", k, mixed, n*in.channels)
		}
		if y, err = d.forward(x, n, false); err != nil {
			t.Fatal(err)
		}
		for i, v := range y {
			if v != 1 {
				t.Fatalf("%v: element %d is %v in evaluation, want 1", k, i, v)
			}
		}
	}
}
