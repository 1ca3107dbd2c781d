package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
)

func TestGroup_listDescribeResetDelete(t *testing.T) {
	c := newConsumption(t)
	group := func(status int, args ...string) (string, string) {
		t.Helper()
		got, out, errs := weir(t, "", append(append([]string{"group"}, args...), "--store", c.store)...)
		assert.Equal(t, status, got, errs)
		return out, errs
	}
	_, errs := group(0, "list")
	assert.Contains(t, errs, "There are no groups in ")
	_, errs = group(1, "describe", "audit")
	assert.Contains(t, errs, `there is no group "audit"`)

	status, errs := c.run(t.Context(), nil, "ack 20")
	require.Zero(t, status, errs)
	c.read()
	out, _ := group(0, "list")
	assert.Regexp(t, `(?m)^ audit +1 +nobody$`, out)
	out, _ = group(0, "describe", "audit", "--json")
	var state struct {
		Shards []struct{ Shard, Checkpoint, Owner string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &state))
	require.Len(t, state.Shards, 1)
	shard := state.Shards[0]
	assert.Empty(t, shard.Owner, "a worker that ends well gives its leases back")
	out, _ = group(0, "describe", "audit")
	assert.Contains(t, out, shard.Checkpoint)
	assert.Contains(t, out, "2027-01-15T08:00:00Z", "when the record arrived")

	_, errs = group(0, "reset", "audit", "--to", "horizon")
	assert.Contains(t, errs, "Nothing was changed")
	_, errs = group(1, "reset", "audit", "--to", shard.Checkpoint)
	assert.Contains(t, errs, "--shard is needed")
	_, errs = group(1, "reset", "audit", "--to", "soon")
	assert.Contains(t, errs, `--to "soon"`)
	_, errs = group(1, "reset", "audit", "--to", "horizon", "--shard", "shardId-000000000099")
	assert.Contains(t, errs, `knows no shard "shardId-000000000099"`)
	_, errs = group(1, "reset", "audit", "--to", shard.Checkpoint, "--shard", "shardId-000000000099")
	assert.Contains(t, errs, "it is a number of shardId-000000000000")
	group(0, "reset", "audit", "--to", "horizon", "--yes")
	status, errs = c.run(t.Context(), nil, "ack 20")
	require.Zero(t, status, errs)
	assert.Len(t, c.read(), 20, "all again")

	group(0, "delete", "audit")
	out, _ = group(0, "describe", "audit")
	assert.Contains(t, out, "1 shard")
	group(0, "delete", "audit", "--yes")
	out, _ = group(0, "describe", "audit")
	assert.Contains(t, out, "0 shards")
	_, errs = group(1, "reset", "audit", "--to", "horizon")
	assert.Contains(t, errs, "group audit knows of no shards")
}

// Workers that may be at work are told, and stand in the way of a change unless
// they are said to be dead. A group that cannot be read does not hide others.
func TestGroup_whoIsAtWork(t *testing.T) {
	store := filepath.Join(t.TempDir(), "groups")
	d, err := lease.OpenDir(store, "audit")
	require.NoError(t, err)
	for i, owner := range []string{"b", "a", "", "b"} {
		key := fmt.Sprintf("shardId-%012d", i)
		require.NoError(t, d.Create(t.Context(), lease.Lease{Key: key, Owner: owner, Checkpoint: lease.Checkpoint{Sequence: lease.Latest}}))
	}
	_, err = lease.OpenDir(store, "broken")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(store, "group-broken", "mine"), nil, 0o600))

	status, out, errs := weir(t, "", "group", "list", "--store", store, "--json")
	require.Zero(t, status, errs)
	var list struct {
		Groups []struct {
			Group   string
			Shards  int
			Workers []string
			Error   string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	require.Len(t, list.Groups, 2)
	assert.Equal(t, []string{"a", "b"}, list.Groups[0].Workers)
	assert.Equal(t, 4, list.Groups[0].Shards)
	assert.Contains(t, list.Groups[1].Error, "it is no file of a group's leases")

	change := func(args ...string) (int, string) {
		status, _, errs := weir(t, "", append(append([]string{"group"}, args...), "--store", store)...)
		return status, errs
	}
	for _, args := range [][]string{{"delete", "audit", "--yes"}, {"reset", "audit", "--to", "horizon", "--yes"}} {
		status, errs := change(args...)
		assert.Equal(t, 1, status)
		assert.Contains(t, errs, "group audit has workers that may be at work: a, b; stop them first, or give --force if they have died")
	}
	status, errs = change("reset", "audit", "--to", "horizon", "--yes", "--shard", "shardId-000000000002")
	assert.Zero(t, status, "nobody has this one: %s", errs)
	status, errs = change("reset", "audit", "--to", "horizon", "--yes", "--force")
	assert.Zero(t, status, errs)
	leases, err := d.List(t.Context())
	require.NoError(t, err)
	for _, l := range leases {
		assert.Equal(t, lease.TrimHorizon, l.Checkpoint.Sequence)
		assert.Empty(t, l.Owner, "whoever had it notices")
	}
}

func TestGroup_refuses(t *testing.T) {
	for want, args := range map[string][]string{
		`unknown command "show"`:                   {"show"},
		"the name of one group is needed; 0 given": {"describe"},
		"the name of one group is needed; 2 given": {"delete", "a", "b"},
		`group name "a/b"`:                         {"describe", "a/b"},
		"--to is needed":                           {"reset", "a"},
		"each table holds one group, and which":    {"list", "--store", "dynamodb"},
		"--store is empty":                         {"list", "--store", ""},
		`there is no group "a" in nowhere`:         {"delete", "a", "--store", "nowhere"},
		"not a directory":                          {"list", "--store", "group_test.go"},
		`unexpected argument "a"`:                  {"list", "a"},
	} {
		status, out, errs := weir(t, "", append([]string{"group"}, args...)...)
		assert.Equal(t, 1, status, want)
		assert.Empty(t, out)
		assert.Contains(t, errs, want)
	}
}

// A shard that begins at a time, and of which nothing is processed, shows it.
func TestGroup_describesATimeToBeginAt(t *testing.T) {
	store := filepath.Join(t.TempDir(), "groups")
	d, err := lease.OpenDir(store, "audit")
	require.NoError(t, err)
	at := lease.Checkpoint{Sequence: lease.AtTimestamp, Sub: 1_800_000_000_000_000_000}
	require.NoError(t, d.Create(t.Context(), lease.Lease{Key: "shardId-000000000000", Checkpoint: at}))
	status, out, errs := weir(t, "", "group", "describe", "audit", "--store", store)
	require.Zero(t, status, errs)
	assert.Regexp(t, `shardId-000000000000 +AT_TIMESTAMP +2027-01-15T08:00:00Z +nobody`, out)
}
