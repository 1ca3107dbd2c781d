package lease_test

import (
	"testing"

	"github.com/weirstream/weir/lease"
	"github.com/weirstream/weir/lease/leasetest"
)

func TestMemory_conforms(t *testing.T) {
	leasetest.Run(t, func(t *testing.T) func() lease.Store {
		m := new(lease.Memory)
		return func() lease.Store { return m }
	})
}
