//go:build !amd64 || purego

package md5lanes

// block is not called: there is only the portable kernel.
func (*long) block(kernel, int) {}
