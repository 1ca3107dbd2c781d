package delivery_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/internal/streamtest"
)

func putData(t *testing.T, s *weir.Stream, data ...string) {
	for _, d := range data {
		_, err := s.PutRecord(t.Context(), "k", []byte(d))
		require.NoError(t, err)
	}
}

func gzipped(t *testing.T, text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

// failures returns the codes and messages of the error output, and what failed.
func failures(t *testing.T, to *shelf, prefix string) (list []string) {
	for _, line := range lines(to.bodies(prefix)) {
		if line == "" {
			continue
		}
		var l errorLine
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		list = append(list, fmt.Sprintf("%s%s: %s%s: %q", l.ErrorCode, l.LastErrorCode, l.ErrorMessage, l.LastErrorMessage, l.RawData))
	}
	return list
}

// delivered runs a delivery of what the stream has to its end.
func delivered(t *testing.T, c delivery.Config) delivery.Metrics {
	if c.Group.Store == nil {
		c.Group.Store = newStore()
	}
	r := run(t, c)
	streamtest.Pass(time.Second)
	require.NoError(t, r.End())
	return r.Metrics()
}

func TestDelivery_splits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := streamtest.New(t, "orders", 1), new(shelf)
		putData(t, s, `{"a":1}{"a":2} [3]`+"\n\"x\"", `{"a":`, ``)
		c := config(s, nil, to)
		c.Split = delivery.SplitJSON
		m := delivered(t, c)
		assert.Equal(t, []string{"{\"a\":1}\n{\"a\":2}\n[3]\n\"x\"\n"}, to.bodies("2000"))
		assert.Equal(t, []string{`Deaggregation.Failed: document 1: unexpected EOF: "{\"a\":"`}, failures(t, to, "processing-failed/"))
		assert.Equal(t, int64(4), m.Delivered.Records)

		c = config(s, nil, to)
		var err error
		c.Split, err = delivery.SplitAt(",")
		require.NoError(t, err)
		putData(t, s, ",one,,two,")
		delivered(t, c)
		assert.Contains(t, strings.Join(to.bodies("2000"), ""), "\none\ntwo\n")

		_, err = delivery.SplitAt("")
		require.EqualError(t, err, "delimiter: is empty")
		putData(t, s, strings.Repeat("1,", delivery.MaxParts+1))
		delivered(t, c)
		assert.Contains(t, strings.Join(failures(t, to, "processing-failed/"), ""), "Deaggregation.Failed: 100001 parts; a record has up to 100000")
	})
}

func TestDelivery_takesMessagesOutOfCloudWatchLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := streamtest.New(t, "orders", 1), new(shelf)
		putData(t, s,
			gzipped(t, `{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination"}]}`),
			gzipped(t, `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{"id":"1","timestamp":1,"message":"one"},{"id":"2","timestamp":2,"message":"two"}]}`),
			gzipped(t, `{"logEvents":[]}`), "plain", gzipped(t, strings.Repeat("x", 2001)))
		c := config(s, nil, to)
		c.Decompress, c.CloudWatchLogs = delivery.Gunzip(2000), true
		delivered(t, c)
		assert.Equal(t, []string{"one\ntwo\n"}, to.bodies("2000"))
		got := failures(t, to, "processing-failed/")
		require.Len(t, got, 3)
		assert.Contains(t, got[0], "CloudWatchLogs.NotAMessage: it has no messageType")
		assert.Equal(t, `Decompression.Failed: unexpected EOF: "plain"`, got[1])
		assert.Contains(t, got[2], "Decompression.Failed: it has more than 2000 bytes when it is decompressed")
	})
}

func TestDelivery_takesAggregatesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := streamtest.New(t, "orders", 1), new(shelf)
		var b aggregate.Builder
		for _, text := range []string{"one", "two", "three"} {
			require.NoError(t, b.Add(weir.Entry{PartitionKey: "k", Data: []byte(text)}))
		}
		entry := b.Entry(nil)
		_, err := s.PutRecord(t.Context(), entry.PartitionKey, entry.Data)
		require.NoError(t, err)
		c := config(s, nil, to)
		c.Count = 2
		delivered(t, c)
		assert.Equal(t, []string{"one\ntwo\n", "three\n"}, to.bodies(""))
		names := slices.Sorted(slices.Values(to.names))
		assert.True(t, strings.HasSuffix(names[1], "-2-0"), names[1])

		raw := new(shelf)
		c.Sink, c.Group.Expand = raw, consumer.Raw
		delivered(t, c)
		assert.Equal(t, []string{string(entry.Data) + "\n"}, raw.bodies(""))
	})
}

func TestDelivery_partitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := streamtest.New(t, "orders", 1), new(shelf)
		putData(t, s, `{"customer":{"id":"c1"},"n":[0,7]}`, `{"customer":{"id":"c2"},"n":[0,7]}`, `{"customer":{"id":"c1"},"n":[0,8]}`,
			`{"customer":{"id":"c1"},"n":[0,7],"x":true}`, `{"customer":{}}`, `{"customer":{"id":null},"n":[0,1]}`, `{"customer":{"id":""},"n":[0,1]}`, `no`, `{} {}`,
			`{"customer":{"id":"`+strings.Repeat("long", 128)+`"},"n":[0,7]}`)
		c := config(s, nil, to)
		var err error
		c.Partition, err = delivery.JSONPaths(map[string]string{"customer": "$.customer.id", "n": `["n"][1]`})
		require.NoError(t, err)
		c.Prefix, c.ErrorPrefix = "c=!{partitionKeyFromQuery:customer}/n=!{partitionKeyFromQuery:n}/", "!{firehose:error-output-type}/"
		delivered(t, c)
		assert.Equal(t, []string{"{\"customer\":{\"id\":\"c1\"},\"n\":[0,7]}\n{\"customer\":{\"id\":\"c1\"},\"n\":[0,7],\"x\":true}\n"}, to.bodies("c=c1/n=7/2000/01/01/00/"))
		assert.Len(t, to.bodies("c=c1/n=8/"), 1)
		assert.Len(t, to.bodies("c=c2/n=7/"), 1)
		var got []string
		for _, f := range failures(t, to, "processing-failed/") {
			got = append(got, strings.SplitN(f, `: "`, 2)[0])
		}
		// What fails because of its name is an object by itself.
		slices.Sort(got)
		const code = "DynamicPartitioning.MetadataExtractionFailed: "
		assert.Equal(t, []string{
			code + `partition key "customer": $["customer"]["id"] is no string, number, true or false`,
			code + `partition key "customer": there is no $["customer"]["id"]`,
			code + `the record has no value for partition key "customer"`,
			code + `the record is not JSON: invalid character 'o' in literal null (expecting 'u')`,
			code + `there is something behind the record's JSON`,
			"DynamicPartitioning.PrefixTooLong: the prefix has 533 characters here; up to 512 are allowed",
		}, got)
	})
}

func TestJSONPaths_refusesWhatIsNoPath(t *testing.T) {
	for path, want := range map[string]string{
		"": `"" leads nowhere`, "$": `"$" leads nowhere`, "a": `"a" does not begin with $, a dot or a bracket`, "$..a": `"$..a" has a dot without a name`,
		"$[": `"$[" has [ where an index or a name in quotes is expected`, "$[-1]": `"$[-1]" has [-1 where an index or a name in quotes is expected`,
		`$["a`: `"$[\"a" has a name in brackets that does not end`, "$.a.": `"$.a." has a dot without a name`,
	} {
		_, err := delivery.JSONPaths(map[string]string{"k": path})
		require.EqualError(t, err, "path of k: "+want)
	}
	_, err := delivery.JSONPaths(nil)
	require.EqualError(t, err, "paths: are none")
}

// A transform changes, drops and fails, and gives keys; the raw records are kept.
func TestDelivery_transformsAndBacksUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to, raw := streamtest.New(t, "orders", 1), new(shelf), new(shelf)
		putData(t, s, "keep a", "drop b", "fail c", "keep b", "bare d")
		c := config(s, nil, to)
		c.Transform = delivery.TransformFunc(func(_ context.Context, list []delivery.Record) (out []delivery.Result, err error) {
			for _, r := range list {
				word, rest, _ := strings.Cut(string(r.Data), " ")
				switch word {
				case "keep":
					out = append(out, delivery.Result{Data: []byte(strings.ToUpper(string(r.Data))), Keys: map[string]string{"p": rest}})
				case "drop":
					out = append(out, delivery.Result{Status: delivery.Dropped})
				case "fail":
					out = append(out, delivery.Result{Status: delivery.ProcessingFailed, Code: "Mine", Message: "no"})
				default:
					out = append(out, delivery.Result{Data: r.Data})
				}
			}
			return out, nil
		})
		c.Prefix, c.ErrorPrefix, c.Backup, c.BackupPrefix = "p=!{partitionKeyFromLambda:p}/", "err/!{firehose:error-output-type}/", raw, "raw/"
		m := delivered(t, c)
		assert.Equal(t, []string{"KEEP A\n"}, to.bodies("p=a/"))
		assert.Equal(t, []string{"KEEP B\n"}, to.bodies("p=b/"))
		assert.Equal(t, []string{`Mine: no: "fail c"`, `DynamicPartitioning.MetadataExtractionFailed: the record has no value for partition key "p": "bare d"`},
			failures(t, to, "err/processing-failed/"))
		assert.Equal(t, []string{"keep a\ndrop b\nfail c\nkeep b\nbare d\n"}, raw.bodies("raw/2000/01/01/00/"))
		assert.True(t, strings.HasSuffix(raw.names[0], "-backup"))
		assert.Equal(t, int64(1), m.Dropped)
		assert.Equal(t, int64(5), m.Backup.Records)
		assert.Equal(t, int64(2), m.Errors.Records)
	})
}

// A partition too many goes to the error output, until one of those that are
// being filled is delivered.
func TestDelivery_boundsPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := streamtest.New(t, "orders", 1), new(shelf)
		c := config(s, newStore(), to)
		c.Partition = delivery.PartitionFunc(func(r *delivery.Record) (map[string]string, error) {
			if string(r.Data) == "panic" {
				panic("partitioner")
			}
			return map[string]string{"p": string(r.Data)}, nil
		})
		c.Prefix, c.ErrorPrefix, c.Partitions, c.Interval = "!{partitionKeyFromQuery:p}/", "!{firehose:error-output-type}/", 2, time.Minute
		r := run(t, c)
		putData(t, s, "a", "b", "c", "a", "panic")
		streamtest.Pass(time.Second)
		assert.Equal(t, 2, r.Metrics().Partitions)
		streamtest.Pass(time.Minute)
		putData(t, s, "c")
		streamtest.Pass(time.Second)
		require.NoError(t, r.End())
		assert.Equal(t, []string{"a\na\n"}, to.bodies("a/"))
		assert.Equal(t, []string{"c\n"}, to.bodies("c/"))
		assert.Equal(t, []string{`DynamicPartitioning.ActivePartitionLimitExceeded: 2 partitions are being filled, which is as many as may be: "c"`},
			failures(t, to, "activePartitionExceeded/"))
		assert.Equal(t, int64(1), r.Metrics().PartitionsExceeded)
		assert.Contains(t, failures(t, to, "processing-failed/")[0], "panic: partitioner")
	})
}

// A picky format rejects what has an "x", and everything if there is a "!".
type picky struct{ delivery.Format }

func (picky) Encode(w io.Writer, records []delivery.Record) (rejected []delivery.Rejection, err error) {
	for i, r := range records {
		switch {
		case bytes.Contains(r.Data, []byte("!")):
			return nil, errors.New("cannot be")
		case bytes.Contains(r.Data, []byte("x")):
			rejected = append(rejected, delivery.Rejection{Index: i, Err: errors.New("no x")})
		default:
			w.Write(r.Data)
		}
	}
	return rejected, nil
}

func TestDelivery_whatAFormatRejectsIsInTheErrorOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := streamtest.New(t, "orders", 1), new(shelf)
		c := config(s, newStore(), to)
		c.Format, c.Delimiter, c.Interval = picky{delivery.Lines("")}, "", -1
		r := run(t, c)
		streamtest.Pass(time.Second)
		putData(t, s, "a", "x1", "b", "x2")
		streamtest.Pass(time.Second)
		putData(t, s, "x3")
		streamtest.Pass(time.Second)
		putData(t, s, "c!")
		streamtest.Pass(time.Second)
		require.NoError(t, r.End())
		assert.Equal(t, "ab", strings.Join(to.bodies("2000"), ""))
		got := failures(t, to, "format-conversion-failed/2000/01/01/00/")
		slices.Sort(got)
		assert.Equal(t, []string{`DataFormatConversion.Failed: cannot be: "c!"`, `DataFormatConversion.Failed: no x: "x1"`, `DataFormatConversion.Failed: no x: "x2"`,
			`DataFormatConversion.Failed: no x: "x3"`}, got)
		m := r.Metrics()
		assert.Equal(t, int64(2), m.Converted)
		assert.Equal(t, int64(4), m.ConversionsFailed)
	})
}

func TestNew_namesAllThatIsWrong(t *testing.T) {
	_, err := delivery.New(delivery.Config{})
	require.ErrorIs(t, err, weir.ErrInvalidArgument)
	require.EqualError(t, err, "delivery: Sink: is nil\nGroup.Streams: has 0 entries; a delivery has 1 stream")
	c := config(streamtest.New(t, "orders", 1), newStore(), new(shelf))
	c.Name, c.Size, c.Count, c.Interval, c.Extension = "a/b", delivery.MaxSize+1, -1, 25*time.Hour, "gz"
	c.Memory, c.Partitions, c.Deliveries, c.TransformBytes, c.Backoff = 1, 1001, 1001, 4<<20, -1
	c.Prefix, c.Group.Attempts = "!{partitionKeyFromQuery:a}!{partitionKeyFromLambda:b}", 3
	c.Codec, c.Format = delivery.Zip(), whole{delivery.Lines("")}
	_, err = delivery.New(c)
	require.EqualError(t, err, `delivery: Name: "a/b" is not 1 to 64 letters, digits, _, . and -
Group.Attempts: is set, but it is for the delivery to set
Size: 1073741825 is not 1 to 1073741824
Count: -1 is not 0 to 1073741824
TransformBytes: 4194304 is not 1 to 3145728
Partitions: 1001 is not 1 to 1000
Memory: 1 is not 2147483648 to 70368744177664
Deliveries: 1001 is not 1 to 1000
Interval: 25h0m0s is not 0s to 24h0m0s
Backoff: -1ns is not 1ms to 24h0m0s
Extension: "gz" is not a dot and up to 127 of a-z, 0-9 and !-_.*'()
Codec: zip is set, but format concatenated is compressed inside
ErrorPrefix: is empty, but must be set because Prefix has an expression
Prefix: refers to partition key "a", and there is no Partition
Prefix: refers to key "b" of the transform, and there is none`)

	c = config(streamtest.New(t, "orders", 1), newStore(), new(shelf))
	c.Partition, err = delivery.JSONPaths(map[string]string{"a": "$.a", "b": "$.b"})
	require.NoError(t, err)
	c.Prefix, c.ErrorPrefix = "!{partitionKeyFromQuery:c}/", "e/!{firehose:error-output-type}/"
	_, err = delivery.New(c)
	require.EqualError(t, err, `delivery: Prefix: refers to partition key "c"; Partition gives a, b`)
	_, err = delivery.Gzip(10)
	require.EqualError(t, err, "level: 10 is none of gzip, -2 to 9")
}

type whole struct{ delivery.Format }

func (whole) Compressible() bool { return false }
