package window

import "context"

// Snapshots keep windows that are too large for a lease. A name is written once,
// before the lease that names it, so that lease and snapshot belong together;
// what no lease names is deleted. All methods may be called by any number of
// goroutines at a time. Names have letters, digits, dots and hyphens only, and
// are unique to their group if it alone uses the place.
type Snapshots interface {
	// Write keeps bytes under a new name. When it returns nil they are durable.
	Write(ctx context.Context, name string, b []byte) error
	// Read returns what was written. The error of a name that is not there must
	// match [fs.ErrNotExist].
	Read(ctx context.Context, name string) ([]byte, error)
	// List returns all names, in any order.
	List(ctx context.Context) ([]string, error)
	// Delete deletes a name. That there is none is fine.
	Delete(ctx context.Context, name string) error
}
