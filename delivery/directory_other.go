//go:build !unix

package delivery

// syncDirectory does nothing: directories cannot be synced here.
func syncDirectory(string) error { return nil }
