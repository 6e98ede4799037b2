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
const streamed = int(AddMultiply) + 1

func (k id) String() string { return catalogue[k].name }
func (k id) op() Op         { return catalogue[k].op }
func (k id) pixels() bool   { return catalogue[k].pixels }
func (k id) elem() elem     { return catalogue[k].elem }
