package mask

// Stream is where trials come from. A Stream is a rule and not a state: what it
// draws is a function of itself and the [Place], the same for every layout, type
// and CPU, except where a type's comment says otherwise. All streams of this
// package are safe for many goroutines at once. ([Source] alone has a state: it cannot
// draw a place again.)
//
// A Stream that reproduces a framework draws what that framework draws, bit for
// bit, and says in Arithmetic what the framework then does with the elements.
type Stream interface {
	// Draw decides every channel of m anew, at m's rate. At rate 0 every channel
	// is kept and at rate 1 none, without a number drawn. An error says why the
	// place cannot be drawn; m is as it was then.
	Draw(m *Mask, at Place) error
	// After returns the place of the draw that follows one of samples×channels
	// trials at this rate.
	After(at Place, samples, channels int, rate float64) Place
	// Arithmetic is what goes with the stream unless the user wants something else.
	Arithmetic() Arithmetic
	// String names the stream and its seed: two streams of the same name draw alike,
	// but for Sources.
	String() string
}
