package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README shows this very program.
func TestMain_isTheReadmes(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	_, code, _ := strings.Cut(string(program), "\n")
	assert.Contains(t, string(readme), "```go\n"+code+"```")
}

func TestMain_putsAndReadsBack(t *testing.T) {
	out := printed(t, main)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 10)
	for _, line := range lines[:5] {
		assert.Regexp(t, `^shardId-00000000000[0-3] \d{56}$`, line)
	}
	assert.ElementsMatch(t, []string{
		"user-0: hello", "user-1: hello", "user-2: hello", "user-3: hello", "user-4: hello",
	}, lines[5:])
}

// printed returns what f prints.
func printed(t *testing.T, f func()) string {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	f()
	require.NoError(t, w.Close())
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(out)
}
