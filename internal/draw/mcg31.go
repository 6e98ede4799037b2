package draw

// The generator MCG31m1: x becomes x·multiplier mod 2³¹−1.
const (
	mcg31Modulus    = 1<<31 - 1
	mcg31Multiplier = 1132489760
)

// MCG31 draws bits from MCG31m1, the generator of Intel's MKL. Bit i is 1 if the
// number 1132489760^(from+i)·x mod 2³¹−1 is less than the threshold. All bits are
// written.
func MCG31(bits []uint64, x uint32, from uint64, threshold uint32) {
	x = mcg31Mul(x%mcg31Modulus, mcg31Power(from))
	threshold = min(threshold, mcg31Modulus) // no number is larger
	for len(bits) > 0 {
		n := min(len(bits), mcg31Call)
		dispatchMCG31(&bits[0], n, &mcg31Powers, x, threshold)
		x = mcg31Mul(x, mcg31Skip)
		bits = bits[n:]
	}
}

// mcg31Mul returns a·b mod 2³¹−1. Both must be less than the modulus.
func mcg31Mul(a, b uint32) uint32 {
	p := uint64(a) * uint64(b)
	p = p&mcg31Modulus + p>>31 // 2³¹ is 1
	return uint32(min(p, p-mcg31Modulus))
}

// mcg31Power returns the multiplier's n-th power.
func mcg31Power(n uint64) uint32 {
	p, square := uint32(1), uint32(mcg31Multiplier)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p = mcg31Mul(p, square)
		}
		square = mcg31Mul(square, square)
	}
	return p
}

// mcg31Skip is the power of the multiplier that advances by the trials of a whole
// call.
const mcg31Skip = 144985907

// mcg31Powers are the first powers of the multiplier. Literals cost no time when
// the program starts.
var mcg31Powers = [66]uint32{
	1, 1132489760, 826537482, 289798557, 480863449, 1381340036,
	1582925527, 1918178478, 1286028348, 482167044, 262060616, 1856662125,
	839877947, 1997268203, 458714024, 650347998, 1918607382, 2085354693,
	1261383659, 1816347431, 1783934141, 285758602, 279985208, 1010574554,
	30702993, 469757411, 1637715577, 1187464119, 1330445151, 436034412,
	703704746, 486810570, 837482658, 798392200, 1706415731, 1968606305,
	2137751365, 1003692128, 2073629851, 662837670, 753596838, 459361368,
	986648931, 1857770552, 1566002675, 1132829524, 399935603, 1534314615,
	1472569047, 914362312, 795348828, 779928485, 203817745, 267625473,
	328103190, 1652824835, 173842903, 366072057, 1902437057, 1536317309,
	1425941789, 700394750, 1843706813, 1262432117, 286907447, 363293811,
}
