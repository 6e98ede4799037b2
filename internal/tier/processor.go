package tier

// Processor is what the choice between ways to do the same work depends on.
type Processor struct {
	Vendor string // as CPUID spells it, such as "AuthenticAMD"; empty if unknown
	Family int    // with the extended family, such as 25 for Zen 3 and Zen 4
	Cache  int    // bytes of the largest data cache, 0 if unknown; on a virtual machine that of the host
}
