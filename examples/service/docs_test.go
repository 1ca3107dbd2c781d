package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The page for embedders names the test of each promise.
func TestEmbeddingPage_namesTestsThatThereAre(t *testing.T) {
	page, err := os.ReadFile("../../docs/embedding.md")
	require.NoError(t, err)
	names := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, names)

	there := make(map[string]bool)
	test := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range test.FindAllSubmatch(text, -1) {
			there[string(name[1])] = true
		}
		return err
	})
	require.NoError(t, err)
	for _, name := range names {
		assert.True(t, there[name[1]], name[1])
	}
}
