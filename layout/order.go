package layout

import (
	"fmt"
	"strings"
)

// Order is the order in which a tensor's axes lie in memory, outermost first.
//
// N is the sample, C the channel, and D, H, W are spatial. An order without N
// is one unbatched sample. NCHW8c and NCHW16c are blocked: channels lie in
// groups of 8 or 16 that are innermost, the last group padded to full length.
type Order uint8

// The axis orders. ChannelsFirst and ChannelsLast are the Keras names; they
// stand for (N, C, spatial…) and (N, spatial…, C) with any number of spatial
// axes.
const (
	NCHW Order = iota + 1
	NHWC
	NCW
	NWC
	NCDHW
	NDHWC
	CHW
	HWC
	CW
	WC
	CDHW
	DHWC
	NC
	NCHW8c
	NCHW16c
	ChannelsFirst
	ChannelsLast
)

// orders says of each Order how it is written and, where the name alone does
// not tell, what it means.
var orders = [...]struct {
	name  string
	axes  string // N, C, or S for spatial; empty where any rank will do
	block int    // channels of one innermost group, 0 if not blocked
}{
	NCHW:          {name: "NCHW", axes: "NCSS"},
	NHWC:          {name: "NHWC", axes: "NSSC"},
	NCW:           {name: "NCW", axes: "NCS"},
	NWC:           {name: "NWC", axes: "NSC"},
	NCDHW:         {name: "NCDHW", axes: "NCSSS"},
	NDHWC:         {name: "NDHWC", axes: "NSSSC"},
	CHW:           {name: "CHW", axes: "CSS"},
	HWC:           {name: "HWC", axes: "SSC"},
	CW:            {name: "CW", axes: "CS"},
	WC:            {name: "WC", axes: "SC"},
	CDHW:          {name: "CDHW", axes: "CSSS"},
	DHWC:          {name: "DHWC", axes: "SSSC"},
	NC:            {name: "NC", axes: "NC"},
	NCHW8c:        {name: "NCHW8c", axes: "NCSS", block: 8},
	NCHW16c:       {name: "NCHW16c", axes: "NCSS", block: 16},
	ChannelsFirst: {name: "channels_first"},
	ChannelsLast:  {name: "channels_last"},
}

// Orders returns every Order, in the order of their declaration.
func Orders() []Order {
	all := make([]Order, 0, len(orders)-1)
	for o := NCHW; int(o) < len(orders); o++ {
		all = append(all, o)
	}
	return all
}

// Parse returns the Order of a name such as "NCHW", "NHWC", "NCHW8c" or
// "channels_last". Letters match in any case. An unknown name is an error that
// lists the known ones.
func Parse(name string) (Order, error) {
	known := make([]string, 0, len(orders)-1)
	for _, o := range Orders() {
		if strings.EqualFold(o.String(), name) {
			return o, nil
		}
		known = append(known, o.String())
	}
	return 0, fmt.Errorf("layout: unknown axis order %q, want one of %s", name, strings.Join(known, ", "))
}

// String returns the name that Parse takes.
func (o Order) String() string {
	if o < NCHW || int(o) >= len(orders) {
		return fmt.Sprintf("Order(%d)", uint8(o))
	}
	return orders[o].name
}

// axis returns what axis i of a tensor of the given rank is: 'N', 'C', or 'S' for
// spatial.
func (o Order) axis(i, rank int) byte {
	switch {
	case orders[o].axes != "":
		return orders[o].axes[i]
	case i == 0:
		return 'N'
	case o == ChannelsFirst && i == 1, o == ChannelsLast && i == rank-1:
		return 'C'
	}
	return 'S'
}
