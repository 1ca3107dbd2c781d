package serve

import (
	"fmt"
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

// The groups of tables come beside those of directories, each table once, and are
// for looking only. Nobody asks for a table before somebody looks.
func TestGroups_ofTables(t *testing.T) {
	dir := t.TempDir()
	_, err := lease.OpenDir(dir, "audit")
	require.NoError(t, err)
	g := groupsIn("", []string{"dynamodb:audit", dir, "dynamodb:billing", "dynamodb:audit"})
	list, err := g.list(t.Context())
	require.NoError(t, err)
	var names []string
	for _, group := range list {
		names = append(names, fmt.Sprint(group.Name, " ", group.Kept, " ", group.ReadOnly))
	}
	assert.Equal(t, []string{"audit " + dir + " false", "audit in dynamodb:audit dynamodb:audit true", "billing dynamodb:billing true"}, names)
}

func TestCheckGroupLeases(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_REGION", "")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	assert.NoError(t, CheckGroupLeases(t.Context(), []string{t.TempDir(), filepath.Join(t.TempDir(), "later")}))
	for place, want := range map[string]string{
		"": "--group-leases: is empty", file: "it is no directory", "dynamodb": "--group-leases dynamodb: it names no table: dynamodb:TABLE does",
		"dynamodb:": "--group-leases dynamodb:: its table: group name: 0 bytes", "dynamodb:audit": "--group-leases dynamodb:audit: no region is configured", filepath.Join(file, "below"): "--group-leases: ",
	} {
		assert.ErrorContains(t, CheckGroupLeases(t.Context(), []string{t.TempDir(), place}), want, place)
	}
	t.Setenv("AWS_REGION", "us-east-1")
	assert.NoError(t, CheckGroupLeases(t.Context(), []string{"dynamodb:audit"}))
}
