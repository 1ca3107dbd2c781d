package cli_test

import (
	"bytes"
	"fmt"
	"io/fs"
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
	s := startServe(t, map[string]string{"WEIR_STATE": dir, "WEIR_STATE_EVERY": "0s", "WEIR_STREAM": "orders"})
	s.stop()
	s = startServe(t, nil, "--state", dir)
	assert.Equal(t, []any{"orders"}, s.must("ListStreams", `{}`)["StreamNames"])
}

// refusedState returns what weir serve says of a state that it must refuse.
func refusedState(t *testing.T, dir string) string {
	t.Helper()
	var out, errs bytes.Buffer
	status := cli.Run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0", "--state", dir}, noEnv, nil, &out, &errs)
	assert.Equal(t, 1, status)
	assert.Empty(t, out.String())
	return errs.String()
}

func TestServe_stateRefused(t *testing.T) {
	t.Run("no directory", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		assert.Equal(t, "weir serve: --state: mkdir "+file+": not a directory\n", refusedState(t, file))
	})
	t.Run("in use", func(t *testing.T) {
		dir := t.TempDir()
		startServe(t, nil, "--state", dir)
		assert.Equal(t, "weir serve: --state: "+dir+": another process uses this state: resource temporarily unavailable\n", refusedState(t, dir))
	})
	t.Run("no state", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.doc"), nil, 0o600))
		assert.Equal(t, "weir serve: --state: "+dir+": has thesis.doc in it, but no manifest.json: it is no state, or a part of one\n", refusedState(t, dir))
	})
	t.Run("unwritable", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may write anywhere")
		}
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o500))
		assert.Contains(t, refusedState(t, dir), "--state: open "+filepath.Join(dir, "lock")+": permission denied")
	})
	for _, name := range []string{"manifest.json", "1-1.stream"} {
		t.Run("damaged "+name, func(t *testing.T) {
			dir := t.TempDir()
			s := startServe(t, nil, "--state", dir, "--state-every", "0s", "--stream", "orders")
			s.put("aGVsbG8=")
			s.stop()
			file := filepath.Join(dir, name)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			text[len(text)/2] ^= 1
			require.NoError(t, os.WriteFile(file, text, 0o600))
			assert.Contains(t, refusedState(t, dir), "weir serve: --state: "+file+" is damaged: ")
			require.NoError(t, os.WriteFile(file, text[:len(text)/2], 0o600))
			assert.Contains(t, refusedState(t, dir), "weir serve: --state: "+file+" is damaged: ")
		})
	}
}

// A save that fails is told, and so is the last one, by the exit status.
func TestServe_stateCannotBeSaved(t *testing.T) {
	dir := t.TempDir()
	s := startServe(t, nil, "--state", dir, "--state-every", "0s", "--stream", "orders")
	require.NoError(t, os.RemoveAll(dir))
	status, errs := s.stop()
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, "weir serve: --state: open "+filepath.Join(dir, "1-1.stream"))
	assert.ErrorIs(t, statError(dir), fs.ErrNotExist)
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
