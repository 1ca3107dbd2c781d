package peers_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/peers"
	"github.com/weirstream/weir/cmd/weir/internal/usage"
)

// goMod writes a go.mod of a module below a directory.
func goMod(t *testing.T, dir, module string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+module+"\n"), 0o600))
}

func TestFindCheckout(t *testing.T) {
	dir := t.TempDir()
	goMod(t, dir, "github.com/weirstream/weir")
	goMod(t, filepath.Join(dir, "cmd", "weir", "peers"), "peers")
	for _, below := range []string{"", "cmd", "cmd/weir/peers"} {
		found, err := peers.FindCheckout(filepath.Join(dir, below))
		require.NoError(t, err)
		assert.Equal(t, dir, found)
	}
	t.Chdir(filepath.Join(dir, "cmd"))
	found, err := peers.FindCheckout("")
	require.NoError(t, err)
	assert.Equal(t, evaluated(t, dir), evaluated(t, found))

	goMod(t, dir, "example.com/other")
	_, err = peers.FindCheckout(dir)
	assert.ErrorContains(t, err, "is not in a source checkout", "of another module")
}

func evaluated(t *testing.T, name string) string {
	t.Helper()
	name, err := filepath.EvalSymlinks(name)
	require.NoError(t, err)
	return name
}

func TestFindCheckout_isThisOne(t *testing.T) {
	found, err := peers.FindCheckout("")
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(found, "aws", "peers", "run"))
}

func TestConfig_Check(t *testing.T) {
	assert.NoError(t, peers.Config{Size: peers.MinSize}.Check())
	assert.NoError(t, peers.Config{Size: peers.MaxSize, Only: []string{"kfake", "kinesalite"}}.Check())
	for want, c := range map[string]peers.Config{
		"--size 7B: must be from 8 bytes to 64KiB":                                 {Size: peers.MinSize - 1},
		"--only kinesalite: it is measured over HTTP, which --embedded leaves out": {Size: 8, Only: []string{"kinesalite"}, Embedded: true},
		"--only kinesalite: it is measured over HTTP, which --durable leaves out":  {Size: 8, Only: []string{"kinesalite"}, Durable: true},
		"--json and --markdown exclude each other":                                 {Size: 8, JSON: true, Markdown: true},
	} {
		err := c.Check()
		assert.EqualError(t, err, want)
		assert.ErrorAs(t, err, new(usage.Error))
	}
}
