package layout

import (
	"fmt"
	"strings"
)

// Order is the order of a tensor's axes in memory, outermost first.
//
// N is the sample, C the channel, and D, H, W are spatial. An order without N
// describes a single, unbatched sample. NCHW8c and NCHW16c are blocked: the
// channels are split into groups of 8 or 16, a group is the innermost axis, and
// the last group is padded to full length.
type Order uint8

// The axis orders. ChannelsFirst and ChannelsLast are named as in Keras. They
// stand for (N, C, spatial…) and (N, spatial…, C) with any number of spatial
// axes, of which at most 6 may be longer than 1.
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

// orders describes each Order.
var orders = [...]struct {
	name  string
	axes  string // N, C, or S for spatial; empty for any rank
	group uint8  // binary logarithm of the channels of a group; 0 if not blocked
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
	NCHW8c:        {name: "NCHW8c", axes: "NCSS", group: 3},
	NCHW16c:       {name: "NCHW16c", axes: "NCSS", group: 4},
	ChannelsFirst: {name: "channels_first"},
	ChannelsLast:  {name: "channels_last"},
}

// Orders returns every Order, as declared.
func Orders() []Order {
	all := make([]Order, 0, len(orders)-1)
	for o := NCHW; int(o) < len(orders); o++ {
		all = append(all, o)
	}
	return all
}

// Parse returns the Order with a name such as "NCHW", "NHWC", "NCHW8c" or
// "channels_last". It ignores case. For an unknown name it returns an
// [*ArgumentError].
func Parse(name string) (Order, error) {
	for _, o := range Orders() {
		if strings.EqualFold(o.String(), name) {
			return o, nil
		}
	}
	return 0, noOrder(name)
}

// String returns the name that Parse takes.
func (o Order) String() string {
	if !o.known() {
		return fmt.Sprintf("Order(%d)", uint8(o))
	}
	return orders[o].name
}

func (o Order) known() bool { return o >= NCHW && int(o) < len(orders) }

// axis returns the letter of axis i of a tensor of the given rank: 'N', 'C', or
// 'S' for spatial.
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
