package gomlx

import (
	"errors"
	"testing"

	"github.com/gomlx/compute/distributed"
)

// The pure Go backend has no strategy, so that no graph of it can show this.
func TestSPMDIsRefused(t *testing.T) {
	for _, s := range []distributed.Strategy{distributed.None, distributed.SPMD, distributed.AutoSharding} {
		var refused *UnsupportedError
		if err := checkStrategy(s); errors.As(err, &refused) != (s == distributed.SPMD) {
			t.Errorf("%v: error %v", s, err)
		}
	}
}
