// Package kpl has package aggregate take apart what the Kinesis Producer Library
// packs. It has tests only, which aws/clients/run starts.
package kpl

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/client"
)

const version = "1.0.7" // as in pom.xml

// A user is a user record and the record that it is in.
type user struct {
	key, hash, data string
	shard           weir.ShardID
	number          weir.SequenceNumber
}

// Every user record that the library puts over TLS is in the record that the
// library says, as it was put.
func TestDecoder_readsTheLibrarys(t *testing.T) {
	if os.Getenv("WEIR") == "" {
		t.Skip("it needs the library and weir: aws/clients/run kpl")
	}
	defer note(t)
	address := serve(t)
	want := put(t, address)
	got, records := read(t, address)
	compare(t, want, got)
	assert.Less(t, records, len(want)/5, "little was packed")
	t.Logf("%d user records in %d records", len(got), records)
}

// note adds a result to the file of results.
func note(t *testing.T) {
	f, err := os.OpenFile(os.Getenv("WEIR_RESULTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, json.NewEncoder(f).Encode(map[string]any{
		"client": "Kinesis Producer Library", "version": "amazon-kinesis-producer " + version, "protocol": "JSON, HTTP/1.1 TLS",
		"check": "its aggregates are taken apart by package aggregate", "pass": !t.Failed(),
	}))
}

// compare compares the users whatever their order, and tells the first that differ.
func compare(t *testing.T, want, got []user) {
	alone := make(map[weir.SequenceNumber]int)
	for _, u := range want {
		alone[u.number]++
	}
	for i := range want {
		if alone[want[i].number] == 1 {
			want[i].hash = "" // it is the record's own, which no reader is told
		}
	}
	order := func(a, b user) int {
		return cmp.Or(cmp.Compare(a.shard, b.shard), strings.Compare(a.key, b.key), strings.Compare(a.data, b.data), strings.Compare(a.hash, b.hash))
	}
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	for i := range min(len(want), len(got)) {
		require.Equal(t, want[i], got[i])
	}
	require.Len(t, got, len(want))
}

const stream, shards = "packed", "4"

// serve starts weir serve with TLS and returns its address.
func serve(t *testing.T) string {
	cmd := exec.Command(os.Getenv("WEIR"), "serve", "--tls", "--listen", "127.0.0.1:0", "--stream", stream+":"+shards, "--limits", "none", "--delay", "0s")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Signal(os.Interrupt))
		_, _ = io.Copy(io.Discard, out)
		assert.NoError(t, cmd.Wait())
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	_, after, found := strings.Cut(line, "://")
	require.True(t, found, line)
	return strings.FieldsFunc(after, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' })[0]
}

// put has the library put user records, and returns what it says of them.
func put(t *testing.T, address string) (list []user) {
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", "target/classes:target/lib/*",
		"io.weir.clients.Kpl", port, stream, "5000")
	// Its program looks for a machine of the service otherwise, over the network.
	cmd.Env, cmd.Stderr = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true"), os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, parts, 5, line)
		u := user{key: decode(t, parts[0]), hash: parts[1], data: decode(t, parts[2])}
		u.shard, err = weir.ParseShardID(parts[3])
		require.NoError(t, err)
		u.number, err = weir.ParseSequenceNumber(parts[4])
		require.NoError(t, err)
		list = append(list, u)
	}
	require.Len(t, list, 5000)
	return list
}

func decode(t *testing.T, text string) string {
	data, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return string(data)
}

// read returns the user records of the stream, and how many records they are in.
func read(t *testing.T, address string) (list []user, records int) {
	ctx := t.Context()
	s, err := kinesisclient.New(kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + address), // which is taken beside TLS
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "000000000000", SecretAccessKey: "secret"}, nil
		}),
	}), stream)
	require.NoError(t, err)
	all, err := s.Shards(ctx)
	require.NoError(t, err)
	for _, sh := range all {
		d := aggregate.Decoder{Within: &sh.HashKeyRange}
		r, err := s.Read(ctx, sh.ID, weir.TrimHorizon(), client.Reading{Polling: true, Interval: -1})
		require.NoError(t, err)
		for behind := true; behind; {
			b, err := r.Next(ctx)
			require.NoError(t, err)
			for _, record := range b.Records {
				records++
				for u := range d.Records(record) {
					list = append(list, user{u.PartitionKey, u.ExplicitHashKey, string(u.Data), sh.ID, u.SequenceNumber})
				}
			}
			behind = b.Behind > 0
		}
		require.NoError(t, r.Close())
		assert.Zero(t, d.Discarded)
	}
	return list, records
}
