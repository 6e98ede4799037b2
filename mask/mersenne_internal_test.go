package mask

import "testing"

// The first number is that of the authors' code for init_genrand(5489), and the C++ standard
// gives the 10000th.
func TestMersenneTwisterGivesThePublishedNumbers(t *testing.T) {
	var g mersenne
	g.seed(5489)
	g.next()
	if got := g.words[0]; got != 3499211612 {
		t.Errorf("first word %d, want 3499211612", got)
	}
	for range 9999 / blockWords {
		g.next()
	}
	if got := g.words[9999%blockWords]; got != 4123659995 {
		t.Errorf("word 10000 is %d, want 4123659995", got)
	}
}

// A jump over some blocks arrives where stepping through them does.
func TestJumpEqualsWalking(t *testing.T) {
	for _, blocks := range []uint64{1, 2, 3, 31, 32, 33, 100, 1023, 5000} {
		var walked, jumped mersenne
		walked.seed(42)
		jumped.seed(42)
		for range blocks {
			walked.next()
		}
		jumped.jump(blocks)
		walked.next()
		jumped.next()
		if walked.words != jumped.words {
			t.Fatalf("a jump of %d blocks gives %v, …, want %v, …", blocks, jumped.words[:4], walked.words[:4])
		}
	}
}

// Two jumps arrive where one over the sum of their blocks does.
func TestJumpsAddUp(t *testing.T) {
	for _, far := range []uint64{1 << 30, 1<<62 + 12345, 1<<64 - 7} {
		var once, twice mersenne
		once.seed(7)
		twice.seed(7)
		once.jump(far)
		twice.jump(far / 3)
		twice.jump(far - far/3)
		once.next()
		twice.next()
		if once.words != twice.words {
			t.Errorf("a jump of %d blocks is not one of %d and one of %d", far, far/3, far-far/3)
		}
	}
}

func TestCharacteristicPolynomialHas135Terms(t *testing.T) {
	if n := len(terms()) + 1; n != 135 {
		t.Errorf("%d terms, want 135 as Matsumoto and Nishimura count them", n)
	}
}

func BenchmarkJump(b *testing.B) {
	var g mersenne
	g.seed(1)
	for range b.N {
		g.jump(1<<64 - 1)
	}
}

func BenchmarkMersenneBlock(b *testing.B) {
	var g mersenne
	g.seed(1)
	for range b.N {
		g.next()
	}
}
