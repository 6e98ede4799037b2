package mask

// Stream is where trials come from. What it draws is a function of the Stream and the
// [Place], the same for every layout, type and CPU, except where the documentation of a
// stream says otherwise. Many goroutines may share a stream of this package. A stream that
// draws each place once, in order, as [Source] does, has a method Once() as well.
//
// A stream that reproduces a framework draws what that framework draws, bit for bit, and
// says in Arithmetic what the framework computes with the elements.
//
// A stream from which other calls of a program take numbers between draws has a method
// Skip(at Place, n uint64) Place as well, see [Skip].
//
// A Stream of your own implements these methods. Those of this package return a
// [*PlaceError] if the samples or the channels of the place do not hold the mask.
type Stream interface {
	// Draw decides every channel of m anew, at m's rate. At rate 0 every channel is kept
	// and at rate 1 none, and no number is drawn. An error says why the place cannot be
	// drawn, and m is unchanged then. A stream of your own need not know of the channels
	// of a Place if it is called by [Draw] and [After] of this package.
	Draw(m *Mask, at Place) error
	// After returns the place of the draw that follows one of samples×channels trials at
	// this rate.
	After(at Place, samples, channels int, rate float64) Place
	// Arithmetic returns what is computed with the elements unless the user asks for
	// something else.
	Arithmetic() Arithmetic
	// String names the stream, its seed and its options, as [ParseStream] reads them. Two
	// streams of the same name draw the same, except for those of Source.
	String() string
}

// Skip returns the place after something else has taken n numbers from the stream: words of
// mt19937 with [PyTorch] and [PyTorchMKL], numbers of a [Source]. The step stays. In the other
// streams nothing else takes numbers, and Skip leaves out n draws: the step grows by n. It panics
// with an [*ArgumentError] if stream is nil.
func Skip(stream Stream, at Place, n uint64) Place {
	switch s := stream.(type) {
	case nil:
		panic(noStream())
	case interface {
		Skip(at Place, n uint64) Place
	}:
		return s.Skip(at, n)
	}
	at.Step += n
	return at
}
