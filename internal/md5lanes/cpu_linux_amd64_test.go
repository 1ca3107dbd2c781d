//go:build !purego

package md5lanes_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/internal/md5lanes"
)

// What we find out from the processor is what Linux found out. A mistake in
// there would otherwise go unnoticed: everything works, only slowly.
func TestImplementations_agreeWithLinux(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skipf("Linux does not tell: %v", err)
	}
	_, rest, found := strings.Cut(string(info), "\nflags")
	if !found {
		t.Skip("no flags in /proc/cpuinfo")
	}
	line, _, _ := strings.Cut(rest, "\n")
	flags := strings.Fields(line)
	want := map[string]bool{
		"portable": true,
		"avx2":     slices.Contains(flags, "avx2"),
		"avx512":   slices.Contains(flags, "avx512f") && slices.Contains(flags, "avx512vl"),
	}
	got := make(map[string]bool)
	for _, impl := range md5lanes.Implementations() {
		got[impl.Name] = impl.Present
	}
	assert.Equal(t, want, got)
}
