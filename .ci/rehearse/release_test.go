package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write makes a repository of the files given as names and texts, with a sound
// release to begin with.
func write(t *testing.T, texts ...string) string {
	t.Helper()
	dir := t.TempDir()
	texts = append([]string{
		"go.work", "go 1.25.0\nuse (\n\t.\n\t./aws\n)\nreplace github.com/weirstream/weir v0.1.0 => .\n",
		"go.mod", "module github.com/weirstream/weir\n",
		"aws/go.mod", "module github.com/weirstream/weir/aws\nrequire github.com/weirstream/weir v0.1.0\n",
	}, texts...)
	for i := 0; i < len(texts); i += 2 {
		name := filepath.Join(dir, filepath.FromSlash(texts[i]))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(texts[i+1]), 0o644))
	}
	return dir
}

func TestReadRelease_sound(t *testing.T) {
	rel, err := readRelease(write(t))
	require.NoError(t, err)
	assert.Equal(t, "v0.1.0", rel.version)
	require.Len(t, rel.modules, 2)
	assert.Equal(t, "v0.1.0", rel.modules[0].tag(rel.version))
	assert.Equal(t, "aws/v0.1.0", rel.modules[1].tag(rel.version))
}

func TestReadRelease_whatKeepsPeopleFromGettingIt(t *testing.T) {
	const aws = "module github.com/weirstream/weir/aws\n"
	for name, tt := range map[string]struct{ file, text, want string }{
		"a replace": {
			"aws/go.mod", aws + "require github.com/weirstream/weir v0.1.0\nreplace github.com/weirstream/weir => ../\n",
			"aws/go.mod:3: replace github.com/weirstream/weir: it holds in a checkout only, and go install refuses it",
		},
		"a replace of somebody else's": {
			"go.mod", "module github.com/weirstream/weir\nreplace golang.org/x/time => ./time\n",
			"go.mod:2: replace golang.org/x/time: it holds in a checkout only, and go install refuses it",
		},
		"an exclude": {
			"go.mod", "module github.com/weirstream/weir\nexclude golang.org/x/time v0.1.0\n",
			"go.mod:2: exclude golang.org/x/time: it holds in a checkout only, and go install refuses it",
		},
		"no version": {
			"aws/go.mod", aws + "require github.com/weirstream/weir v0.0.0\n",
			"aws/go.mod:2: require github.com/weirstream/weir v0.0.0: not a version that is released",
		},
		"a commit": {
			"aws/go.mod", aws + "require github.com/weirstream/weir v0.0.0-20261128000000-0123456789ab\n",
			"aws/go.mod:2: require github.com/weirstream/weir v0.0.0-20261128000000-0123456789ab: not a version that is released",
		},
		"a module that is not released": {
			"aws/go.mod", aws + "require github.com/weirstream/weir/other v0.1.0\n",
			"aws/go.mod:2: require github.com/weirstream/weir/other: no module of go.work",
		},
		"two versions": {
			"aws/go.mod", aws + "require github.com/weirstream/weir v0.1.0\nrequire github.com/weirstream/weir/aws v0.2.0\n",
			"aws/go.mod:3: require github.com/weirstream/weir/aws v0.2.0: others require v0.1.0",
		},
		"another directory's path": {
			"aws/go.mod", "module github.com/weirstream/aws\nrequire github.com/weirstream/weir v0.1.0\n",
			"aws/go.mod:1: module github.com/weirstream/aws: in this directory it is github.com/weirstream/weir/aws",
		},
		"nothing of each other": {
			"aws/go.mod", aws,
			"no module requires another: there is no version to release",
		},
		"a checkout with another version": {
			"go.work", "go 1.25.0\nuse (\n\t.\n\t./aws\n)\nreplace github.com/weirstream/weir v0.2.0 => .\n",
			"go.work:6: replace github.com/weirstream/weir v0.2.0: the go.mod files require v0.1.0",
		},
		"a checkout without it": {
			"go.work", "go 1.25.0\nuse (\n\t.\n\t./aws\n)\n",
			"go.work: no replace for github.com/weirstream/weir, which github.com/weirstream/weir/aws requires",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readRelease(write(t, tt.file, tt.text))
			assert.EqualError(t, err, tt.want)
		})
	}
}

func TestSetVersion_everyFileOfTheCheckout(t *testing.T) {
	dir := write(t, "peers/go.mod", "module github.com/weirstream/weir/peers\nrequire (\n\tgithub.com/weirstream/weir v0.1.0 // indirect\n"+
		"\tgithub.com/weirstream/weird v0.1.0\n)\nreplace github.com/weirstream/weir => ..\n")
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		require.NoError(t, cmd.Run())
	}
	require.Error(t, setVersion(t.Context(), dir, "0.2"))
	require.NoError(t, setVersion(t.Context(), dir, "v0.2.0"))
	rel, err := readRelease(dir)
	require.NoError(t, err)
	assert.Equal(t, "v0.2.0", rel.version)
	peers, err := os.ReadFile(filepath.Join(dir, "peers", "go.mod"))
	require.NoError(t, err)
	assert.Equal(t, "module github.com/weirstream/weir/peers\nrequire (\n\tgithub.com/weirstream/weir v0.2.0 // indirect\n"+
		"\tgithub.com/weirstream/weird v0.1.0\n)\nreplace github.com/weirstream/weir => ..\n", string(peers))
}
