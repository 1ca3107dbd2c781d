package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFiles_areUpToDate(t *testing.T) {
	for name, want := range files() {
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		// Not Equal, whose report would be thousands of lines.
		assert.True(t, string(want) == string(got), "%s: run go generate ./internal/md5lanes", name)
	}
}
