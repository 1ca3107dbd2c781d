package cli_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// put puts a record into orders and returns its sequence number.
func (s *serving) put(data string) (number string) {
	s.t.Helper()
	answer := s.must("PutRecord", fmt.Sprintf(`{"StreamName":"orders","PartitionKey":"k","ExplicitHashKey":"7","Data":%q}`, data))
	return answer["SequenceNumber"].(string)
}

// records returns the records of the shard of orders that put puts to.
func (s *serving) records(shard string) (list []any) {
	s.t.Helper()
	answer := s.must("GetShardIterator", `{"StreamName":"orders","ShardId":"`+shard+`","ShardIteratorType":"TRIM_HORIZON"}`)
	return s.must("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, answer["ShardIterator"]))["Records"].([]any)
}

func TestServe_stateOverRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	args := []string{"--state", dir, "--stream", "orders:2", "--delay", "0s", "--limits", "none"}
	s := startServe(t, nil, args...)
	s.put("aGVsbG8=")
	s.must("SplitShard", `{"StreamName":"orders","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"12345"}`)
	second := s.put("d29ybGQ=")
	s.must("IncreaseStreamRetentionPeriod", `{"StreamName":"orders","RetentionPeriodHours":48}`)
	s.must("AddTagsToStream", `{"StreamName":"orders","Tags":{"team":"a"}}`)
	arn := s.summary("orders")["StreamARN"].(string)
	s.must("RegisterStreamConsumer", `{"ConsumerName":"c","StreamARN":"`+arn+`"}`)
	s.must("CreateStream", `{"StreamName":"clicks","StreamModeDetails":{"StreamMode":"ON_DEMAND"}}`)
	before := s.must("GetShardIterator", `{"StreamName":"orders","ShardId":"shardId-000000000002","ShardIteratorType":"TRIM_HORIZON"}`)
	look := func(s *serving) map[string]any {
		return map[string]any{
			"streams":   s.must("ListStreams", `{}`),
			"orders":    s.summary("orders"),
			"shards":    s.must("ListShards", `{"StreamName":"orders"}`),
			"clicks":    s.must("DescribeStream", `{"StreamName":"clicks"}`),
			"tags":      s.must("ListTagsForStream", `{"StreamName":"orders"}`),
			"consumers": s.must("ListStreamConsumers", `{"StreamARN":"`+arn+`"}`),
			"parent":    s.records("shardId-000000000000"),
			"child":     s.records("shardId-000000000002"),
		}
	}
	want := look(s)
	status, errs := s.stop()
	require.Zero(t, status, errs)

	s = startServe(t, nil, args...) // --stream names one that is there
	assert.Equal(t, want, look(s))
	again := s.must("GetRecords", fmt.Sprintf(`{"ShardIterator":%q}`, before["ShardIterator"]))
	assert.Equal(t, want["child"], again["Records"], "iterators outlive the process")
	third := s.put("IQ==")
	assert.Greater(t, third, second)
	status, errs = s.stop()
	require.Zero(t, status, errs)

	s = startServe(t, nil, "--state", dir, "--limits", "none")
	assert.Len(t, s.records("shardId-000000000002"), 2)
	assert.Equal(t, want["streams"], s.must("ListStreams", `{}`))
}

func TestServe_stateOfOtherAccounts(t *testing.T) {
	dir := t.TempDir()
	s := startServe(t, nil, "--state", dir, "--region", "eu-west-1", "--stream", "there")
	s.stop()
	s = startServe(t, nil, "--state", dir, "--stream", "here")
	assert.Equal(t, []any{"here"}, s.must("ListStreams", `{}`)["StreamNames"])
	s.stop()
	s = startServe(t, nil, "--state", dir, "--region", "eu-west-1")
	assert.Equal(t, []any{"there"}, s.must("ListStreams", `{}`)["StreamNames"])
}

func TestServe_stateByEnvironment(t *testing.T) {
	dir := t.TempDir()
	s := startServe(t, map[string]string{"WEIR_STATE": dir, "WEIR_SYNC": "never", "WEIR_STREAM": "orders"})
	status, errs := s.stop()
	assert.Zero(t, status)
	assert.Equal(t, "weir serve: --sync never: a crash of the machine takes back what the system had not written\n", errs)
	s = startServe(t, nil, "--state", dir, "--sync", "20ms")
	assert.Equal(t, []any{"orders"}, s.must("ListStreams", `{}`)["StreamNames"])
	status, errs = s.stop()
	assert.Zero(t, status)
	assert.Equal(t, "weir serve: --sync 20ms: a crash takes back what was put in the last 20ms\n", errs)
}

func TestServe_syncRefused(t *testing.T) {
	const how = "must be always, never, or a time above 0s and up to 1h0m0s, such as 100ms"
	for args, want := range map[string]string{
		"--sync sometimes --state x": `invalid argument "sometimes" for "--sync" flag: ` + how,
		"--sync 0s --state x":        `invalid argument "0s" for "--sync" flag: ` + how,
		"--sync=-1s --state x":       `invalid argument "-1s" for "--sync" flag: ` + how,
		"--sync 2h --state x":        `invalid argument "2h" for "--sync" flag: ` + how,
		"--sync 100ms":               "--sync needs --state, the directory that is written to",
		"--spill":                    "--spill needs --state, the directory that records are read from",
		"--spill=false":              "--spill needs --state, the directory that records are read from",
	} {
		var out, errs bytes.Buffer
		assert.Equal(t, 1, cli.Run(t.Context(), strings.Fields("serve "+args), noEnv, nil, &out, &errs), args)
		assert.Equal(t, "weir serve: "+want+"\nRun 'weir serve --help' for usage.\n", errs.String())
	}
}

// Records leave memory when it is full; where they must not, puts are throttled.
func TestServe_spill(t *testing.T) {
	fill := func(args ...string) (refused string) {
		s := startServe(t, nil, append(args, "--state", t.TempDir(), "--stream", "orders", "--limits", "none", "--max-memory", "64MiB")...)
		body := fmt.Sprintf(`{"StreamName":"orders","PartitionKey":"k","Data":%q}`, strings.Repeat("AAAA", 250_000))
		for range 50 { // 750,000 bytes each
			if status, _, answer := s.call("PutRecord", body); status != 200 {
				return fmt.Sprint(answer)
			}
		}
		return ""
	}
	assert.Empty(t, fill())
	assert.Contains(t, fill("--spill=false"), "the memory that there is for records is full")
}

// refusedState returns what weir serve says of a state that it must refuse, and
// leaves as it is.
func refusedState(t *testing.T, dir string) string {
	t.Helper()
	before := filesIn(t, dir)
	var out, errs bytes.Buffer
	status := cli.Run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0", "--state", dir}, noEnv, nil, &out, &errs)
	assert.Equal(t, 1, status)
	assert.Empty(t, out.String())
	assert.True(t, maps.Equal(before, filesIn(t, dir)), "nothing is changed")
	return strings.TrimSuffix(strings.TrimPrefix(errs.String(), "weir serve: --state: "), "\n")
}

// filesIn returns what the files below a directory hold.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	}))
	return files
}

func TestServe_stateRefused(t *testing.T) {
	write := func(t *testing.T, names ...string) (dir string) {
		dir = t.TempDir()
		for _, name := range names {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(`{"weir_state":1,"crc32c":"0","manifest":{}}`), 0o600))
		}
		return dir
	}
	t.Run("no directory", func(t *testing.T) {
		file := filepath.Join(write(t, "file"), "file")
		assert.Contains(t, refusedState(t, file), file+": not a directory")
	})
	t.Run("in use", func(t *testing.T) {
		dir := t.TempDir()
		startServe(t, nil, "--state", dir)
		assert.Equal(t, dir+": a weir serve or weir console has this state open", refusedState(t, dir))
	})
	t.Run("somebody else's", func(t *testing.T) {
		dir := write(t, "thesis.doc")
		assert.Equal(t, dir+": has thesis.doc in it, and no account: it is no state of weir serve. Name another directory", refusedState(t, dir))
	})
	t.Run("a stream's", func(t *testing.T) {
		dir := write(t, "0000000000000001.journal")
		assert.Contains(t, refusedState(t, dir), dir+": holds one stream or one account of a program, and not the state of weir serve")
	})
	for _, name := range []string{"manifest.json", "12-1.stream"} {
		t.Run("of the old form, "+name, func(t *testing.T) {
			dir := write(t, "lock", name)
			assert.Equal(t, dir+": holds what an earlier version of weir serve saved: "+name+" says so. This version does not read it, "+
				"and has changed nothing. Name another directory; keep this one for that version, or remove it", refusedState(t, dir))
		})
	}
	t.Run("unwritable", func(t *testing.T) {
		dir := filepath.Join("/proc", "self", "fd") // not even root may write there
		if _, err := os.Stat(dir); err != nil {
			dir = write(t)
			require.NoError(t, os.Chmod(dir, 0o500))
		}
		var out, errs bytes.Buffer
		assert.Equal(t, 1, cli.Run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0", "--state", filepath.Join(dir, "x")}, noEnv, nil, &out, &errs))
		assert.Contains(t, errs.String(), "weir serve: --state: mkdir "+filepath.Join(dir, "x"))
	})
}

// What is damaged is named, and nothing is served.
func TestServe_stateDamaged(t *testing.T) {
	dir := t.TempDir()
	s := startServe(t, nil, "--state", dir, "--stream", "orders")
	for range 3 {
		s.put("aGVsbG8=")
	}
	s.must("AddTagsToStream", `{"StreamName":"orders","Tags":{"team":"a"}}`)
	s.stop()
	account := filepath.Join(dir, "000000000000-us-east-1")
	stream := filepath.Join(account, "streams", "0000000000000001-orders.stream")
	for _, damaged := range []string{account, stream} {
		file := filepath.Join(damaged, "0000000000000001.journal")
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, at := range []int{len(text) / 3, len(text) / 2} {
			text[at] ^= 1
			require.NoError(t, os.WriteFile(file, text, 0o600))
			said := refusedState(t, dir)
			assert.Contains(t, said, damaged)
			assert.Contains(t, said, "0000000000000001.journal is damaged at byte ")
			text[at] ^= 1
		}
		require.NoError(t, os.WriteFile(file, text, 0o600))
	}
	require.NoError(t, os.Rename(stream, stream+"-away"))
	assert.Contains(t, refusedState(t, dir), "stream orders: saved stream is damaged: "+stream+" is missing or has no journal")
	require.NoError(t, os.Rename(stream+"-away", stream))
	var out, errs bytes.Buffer
	assert.Zero(t, cli.Run(t.Context(), []string{"check", stream}, noEnv, nil, &out, &errs), errs.String())
	s = startServe(t, nil, "--state", dir)
	assert.Len(t, s.records("shardId-000000000000"), 3)
}

// Requests that name other accounts and regions leave nothing on disk unless
// they leave something behind.
func TestServe_stateOfWhoOnlyAsks(t *testing.T) {
	dir := t.TempDir()
	s := startServe(t, nil, "--state", dir)
	s.must("ListStreams", `{}`)
	assert.Empty(t, accountsIn(t, dir))
	s.must("CreateStream", `{"StreamName":"s","ShardCount":1}`)
	assert.Equal(t, []string{"000000000000-us-east-1"}, accountsIn(t, dir))
}

func accountsIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func statError(path string) error {
	_, err := os.Stat(path)
	return err
}

func TestServe_portIsTakenBeforeTheState(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	dir := filepath.Join(t.TempDir(), "state")
	var out, errs bytes.Buffer
	args := strings.Fields("serve --listen " + taken.Addr().String() + " --state " + dir)
	assert.Equal(t, 1, cli.Run(t.Context(), args, noEnv, nil, &out, &errs))
	assert.ErrorIs(t, statError(dir), fs.ErrNotExist)
}
