package serve

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/console"
	"github.com/weirstream/weir/lease"
)

// The console shows the groups of all directories that it is told of, each once;
// those of the same name are told apart.
func TestGroups_ofDirectories(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, group := range [][2]string{{"state", "audit"}, {"here", "audit"}, {"here", "billing"}, {"there", "load"}} {
		_, err := lease.OpenDir(at(group[0]), group[1])
		require.NoError(t, err)
	}
	g := groupsIn(at("state"), []string{at("here"), at("here") + "/.", at("there"), at("none yet"), at("state")})
	g.add("function", new(lease.Memory))
	list, err := g.list(t.Context())
	require.NoError(t, err)
	var names []string
	for _, group := range list {
		names = append(names, group.Name+" "+group.Kept)
	}
	assert.Equal(t, []string{
		"audit " + at("state"), "audit in " + at("here") + " " + at("here"), "billing " + at("here"), "function ", "load " + at("there"),
	}, names)
	assert.NoDirExists(t, at("none yet"), "looking makes nothing")

	require.NoError(t, os.WriteFile(filepath.Join(at("here"), "group-billing", "foreign"), nil, 0o600))
	list, err = g.list(t.Context())
	assert.ErrorContains(t, err, "group billing: ")
	assert.ErrorIs(t, err, lease.ErrForeign)
	assert.Len(t, list, 4, "the others are shown")

	g = groupsIn("", nil)
	list, err = g.list(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []console.Group(nil), list)
}

func TestCheckGroupLeases(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	assert.NoError(t, CheckGroupLeases([]string{t.TempDir(), filepath.Join(t.TempDir(), "later")}))
	for place, want := range map[string]string{
		"": "--group-leases: is empty", file: "it is no directory", "dynamodb": "--group-leases dynamodb: it is no directory; of a table weir group tells",
		"dynamodb:audit": "of a table weir group tells", filepath.Join(file, "below"): "--group-leases: ",
	} {
		assert.ErrorContains(t, CheckGroupLeases([]string{t.TempDir(), place}), want, place)
	}
}
