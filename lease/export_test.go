package lease

import "github.com/weirstream/weir/internal/journal"

// OpenFS opens the leases of a group in a directory of a test's own.
func OpenFS(f journal.FS, group string) (*Dir, error) { return openDir(f, group) }
