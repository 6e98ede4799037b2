package kernel

// kernelOf returns the kernel of the catalogue that does op.
func kernelOf(op Op, stream, pixels bool, e elem) id {
	k := int(op)
	if stream {
		k += streamed
	}
	k *= 2
	if pixels {
		k++
	}
	return id(k*elems + int(e))
}

// streamed is how far behind its plain twin a streaming operation lies.
const streamed = int(AffineMax) + 1

// braidOf returns the kernel that does op on four planes at once.
func braidOf(op Op, stream bool, e elem) id {
	k := multiplyFourPlanesF32
	switch {
	case op == AddDivide:
		k = addDivideFourPlanesF32
	case op == Divide && stream:
		k = streamDivideFourPlanesF32
	case op == Divide:
		k = divideFourPlanesF32
	case op.adds():
		k = addMultiplyFourPlanesF32
	case stream:
		k = streamMultiplyFourPlanesF32
	}
	return k + id(e)
}

// braid says which planes a braid kernel works on at once: four to multiply or to
// divide, and up to four others to clear. All numbers count bytes.
//
// Loads from one page of memory after the other wait for each of them anew: the
// processor does not fetch ahead across the border of a page. Loads from four
// pages at once wait for all of them together.
type braid struct {
	at     [4]int // from dst, and from src, to the four planes
	factor [4]int // from factors to their factors
	fill   [4]int // from dst to the planes to clear
	fills  int    // how many of those there are
}

func (k id) String() string { return catalogue[k].name }
func (k id) op() Op         { return catalogue[k].op }
func (k id) pixels() bool   { return catalogue[k].pixels }
func (k id) elem() elem     { return catalogue[k].elem }
