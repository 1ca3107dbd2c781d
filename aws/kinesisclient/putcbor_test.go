package kinesisclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/client"
)

// An outcome is what a caller of PutRecords is told.
type outcome struct {
	Results []weir.PutResult
	Err     string
	Code    string
	Type    string // of the service's error
}

func outcomeOf(results []weir.PutResult, err error) outcome {
	o := outcome{Results: results}
	if err != nil {
		o.Err = err.Error()
		if api := smithy.APIError(nil); errors.As(err, &api) {
			o.Code, o.Type = api.ErrorCode(), fmt.Sprintf("%T %+[1]v", api)
		}
	}
	return o
}

// An answer in CBOR comes to the same as one in JSON, in whichever form was asked.
func TestStream_answersInCBORAreThoseInJSON(t *testing.T) {
	list := append([]string{
		`{"FailedRecordCount":1,"Records":[{"ErrorCode":"InternalFailure","ErrorMessage":"` + strings.Repeat("long ", 99) + `"}]}`,
		`{"FailedRecordCount":0,"Records":[{"SequenceNumber":"7","ShardId":"shardId-000000000002"},{}]}`,
		`{"FailedRecordCount":0,"Records":[{"SequenceNumber":"no number","ShardId":"no shard"}],"A":[1.5,true,false,-3,{"b":null}]}`,
	}, answers...)
	for _, text := range list {
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
			continue
		}
		t.Run(text, func(t *testing.T) {
			s := &scripted{answer: text}
			want := outcomeOf(s.stream(t, true).PutRecords(t.Context(), oddEntries[:1]))
			assert.Equal(t, want, outcomeOf(s.stream(t, false).PutRecords(t.Context(), oddEntries[:1])), "asked in CBOR")
			if text[0] != '{' {
				return // the SDK takes what is no object for an empty one
			}
			s.answer, s.form = cborOf(t, text), inCBOR
			assert.Equal(t, want, outcomeOf(s.stream(t, false).PutRecords(t.Context(), oddEntries[:1])), "in CBOR")
			assert.Equal(t, want, outcomeOf(s.stream(t, true).PutRecords(t.Context(), oddEntries[:1])), "asked in JSON")
		})
	}
}

// Java writes collections and texts of indefinite length.
func TestStream_readsCBOROfIndefiniteLength(t *testing.T) {
	const text = "\xbf\x67Records\x9f\xbf\x6eSequenceNumber\x7f\x61\x31\x61\x37\xff\x67ShardId\x74shardId-000000000002\xff\xff" +
		"\x71FailedRecordCount\x00\xff"
	s := &scripted{answer: text, form: inCBOR}
	results, err := s.stream(t, false).PutRecords(t.Context(), oddEntries[:1])
	require.NoError(t, err)
	assert.Equal(t, "17", results[0].SequenceNumber.String())
	assert.Equal(t, weir.ShardID(2), results[0].ShardID)
}

// What is cut or damaged is an error, of what the SDK calls it, and never a
// result.
func TestStream_tellsOfDamagedCBOR(t *testing.T) {
	whole := cborOf(t, answers[0])
	s := &scripted{form: inCBOR}
	stream := s.stream(t, false)
	for n := range len(whole) {
		s.answer = whole[:n]
		_, err := stream.PutRecords(t.Context(), oddEntries[:1])
		var damage *smithy.DeserializationError
		require.ErrorAs(t, err, &damage, "%d bytes", n)
	}
	for _, text := range []string{
		whole + "\x00", "\xff", "\x1c", "\xa1\x01\x02", strings.Repeat("\x81", 1000), strings.Repeat("\xc2", 1000) + "\x00",
		"\xa1\x67Records\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x7b\xff\xff\xff\xff\xff\xff\xff\xff", "\xa1\x67Records\x7f\x41a\xff", "\xf8\x20", "\xc1\x61a", `{"Records":[]}`,
	} {
		s.answer = text
		_, err := stream.PutRecords(t.Context(), oddEntries[:1])
		var damage *smithy.DeserializationError
		require.ErrorAs(t, err, &damage, "%q", text)
	}
}

// zeros are an endless answer.
type zeros struct{ read int }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read += len(p)
	return len(p), nil
}

// An endless endpoint answers without end.
type endless struct {
	form string
	body zeros
}

func (e *endless) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {e.form}}, Body: io.NopCloser(&e.body),
		ContentLength: -1, Request: r, ProtoMajor: 1}, nil
}

// An answer is read up to a bound, in each form.
func TestStream_boundsAnswers(t *testing.T) {
	for _, form := range []string{inCBOR, "application/x-amz-json-1.1"} {
		e := &endless{form: form}
		o := (&scripted{}).client().Options()
		o.HTTPClient = e
		s, err := kinesisclient.New(kinesis.New(o), "orders")
		require.NoError(t, err)
		_, err = s.PutRecords(t.Context(), oddEntries)
		require.ErrorContains(t, err, "more than 16777216 bytes")
		assert.Less(t, e.body.read, 64<<20)
	}
}

// What reads answers at once reads what the SDK does of the same in JSON.
func FuzzStream_answersInCBOR(f *testing.F) {
	for _, text := range answers {
		if json.Valid([]byte(text)) && text[0] == '{' {
			f.Add(cborOf(&testing.T{}, text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		fast := outcomeOf((&scripted{answer: text, form: inCBOR}).stream(t, false).PutRecords(t.Context(), oddEntries[:2]))
		asJSON, err := kinesisclient.JSONOf([]byte(text))
		if err != nil {
			require.NotEmpty(t, fast.Err)
			return
		}
		slow := outcomeOf((&scripted{answer: string(asJSON)}).stream(t, true).PutRecords(t.Context(), oddEntries[:2]))
		require.Equal(t, slow, fast, "%s", asJSON)
	})
}

// streamsOf returns streams of a fake in both forms.
func streamsOf(t *testing.T, k *kinesistest.Fake) (inJSON, inCBOR *kinesisclient.Stream) {
	t.Helper()
	var list []*kinesisclient.Stream
	for _, json := range []bool{true, false} {
		s, err := kinesisclient.Config{JSON: json}.New(k.Client(once), "orders")
		require.NoError(t, err)
		list = append(list, s)
	}
	return list[0], list[1]
}

// Each error of the service is told alike, by its type and words, whichever form
// it came in.
func TestStream_errorsInCBORAreThoseInJSON(t *testing.T) {
	for _, code := range []kinesistest.Code{
		kinesistest.AccessDenied, kinesistest.InternalFailure, kinesistest.InvalidArgument, kinesistest.KMSAccessDenied,
		kinesistest.KMSDisabled, kinesistest.KMSInvalidState, kinesistest.KMSNotFound, kinesistest.KMSOptInRequired,
		kinesistest.KMSThrottling, kinesistest.LimitExceeded, kinesistest.ThroughputExceeded, kinesistest.ResourceInUse,
		kinesistest.ResourceNotFound, kinesistest.ServiceUnavailable, kinesistest.Throttling, kinesistest.UnrecognizedClient,
		kinesistest.ExpiredToken, kinesistest.Validation, kinesistest.UnknownOperation, kinesistest.SerializationProblem,
		"NobodyKnowsException",
	} {
		t.Run(string(code), func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Stream("orders", 2))
			k.Fail("PutRecords").Times(2).With(code).Required()
			inJSON, inCBOR := streamsOf(t, k)
			_, want := inJSON.PutRecords(t.Context(), oddEntries)
			_, got := inCBOR.PutRecords(t.Context(), oddEntries)
			require.Error(t, want)
			k.AssertCalls("PutRecords", 2)
			w, g := outcomeOf(nil, want), outcomeOf(nil, got)
			assert.Equal(t, unnumbered(w.Err), unnumbered(g.Err))
			assert.Equal(t, w.Type, g.Type)
			assert.NotEmpty(t, g.Code)
			for _, is := range []error{
				weir.ErrThroughputExceeded, weir.ErrLimitExceeded, weir.ErrInvalidArgument, weir.ErrShardNotFound, client.ErrMismatch,
			} {
				assert.Equal(t, errors.Is(want, is), errors.Is(got, is), "%v", is)
			}
		})
	}
}

// unnumbered returns an error's words without the request's id.
func unnumbered(text string) string {
	before, after, _ := strings.Cut(text, "RequestID: ")
	_, after, _ = strings.Cut(after, ",")
	return before + after
}

// The same calls, with faults among them, come to the same in both forms.
func TestStream_putsInCBORComeToThoseInJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(14, 4))
	var fakes []*kinesistest.Fake
	var streams []*kinesisclient.Stream
	for i := range 2 {
		k := kinesistest.New(t, kinesistest.Stream("orders", 4))
		k.Fail("PutRecords").Nth(3, 11, 19).ThrottleRecords(1, 4)
		k.Fail("PutRecords").Nth(5, 16).FailRecords(kinesistest.InternalFailure, 0, 2)
		k.Fail("PutRecords").Nth(8).With(kinesistest.Validation)
		inJSON, inCBOR := streamsOf(t, k)
		fakes, streams = append(fakes, k), append(streams, []*kinesisclient.Stream{inJSON, inCBOR}[i])
	}
	for range 40 {
		entries := make([]weir.Entry, 5+random.IntN(12))
		for i := range entries {
			e := &entries[i]
			e.PartitionKey = []string{"k", "é", "鍵", "\"\\\n"}[random.IntN(4)] + fmt.Sprint(random.IntN(1000))
			e.Data = make([]byte, random.IntN(300))
			for j := range e.Data {
				e.Data[j] = byte(random.Uint32())
			}
			if random.IntN(4) == 0 {
				e.ExplicitHashKey = &weir.HashKey{Hi: random.Uint64(), Lo: random.Uint64()}
			}
			if random.IntN(200) == 0 {
				e.Data = make([]byte, 2<<20) // is refused
			}
		}
		var got [2]string
		for i, s := range streams {
			results, err := s.PutRecords(t.Context(), entries)
			got[i] = unnumbered(fmt.Sprint(err))
			for _, r := range results {
				got[i] += fmt.Sprintf("\n%v %v", r.ShardID, r.Err)
			}
		}
		require.Equal(t, got[0], got[1])
	}
	stored := [2]string{}
	for i, k := range fakes {
		for shard := range weir.ShardID(4) {
			for _, r := range k.Records("orders").Shard(shard) {
				stored[i] += fmt.Sprintf("%q %x\n", r.PartitionKey, r.Data)
			}
		}
	}
	require.NotEmpty(t, stored[0])
	assert.True(t, stored[0] == stored[1], "the same is stored")
}

// Whoever watches what a client does sees the records and their outcomes, and may
// change them, in both forms.
func TestStream_letsOthersSeeWhatIsPut(t *testing.T) {
	for _, json := range []bool{true, false} {
		t.Run(fmt.Sprint("json=", json), func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Stream("orders", 2))
			var put, told int
			watch := func(stack *middleware.Stack) error {
				return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("watch", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
					if in, ok := in.Parameters.(*kinesis.PutRecordsInput); ok {
						put += len(in.Records)
						in.Records = append(in.Records[:1:1], types.PutRecordsRequestEntry{PartitionKey: aws.String("x"), Data: []byte("changed")})
					}
					out, metadata, err := next.HandleInitialize(ctx, in)
					if out, ok := out.Result.(*kinesis.PutRecordsOutput); ok && err == nil {
						told += len(out.Records)
						out.Records[0] = types.PutRecordsResultEntry{ErrorCode: aws.String("Changed"), ErrorMessage: aws.String("too")}
					}
					return out, metadata, err
				}), middleware.After)
			}
			s, err := kinesisclient.Config{JSON: json}.New(k.Client(once, kinesis.WithAPIOptions(watch)), "orders")
			require.NoError(t, err)
			results, err := s.PutRecords(t.Context(), []weir.Entry{{PartitionKey: "a", Data: []byte("one")}, {PartitionKey: "b", Data: []byte("two")}})
			require.NoError(t, err)
			assert.Equal(t, []int{2, 2}, []int{put, told})
			require.ErrorContains(t, results[0].Err, "Changed: too")
			require.NoError(t, results[1].Err)
			assert.ElementsMatch(t, []string{"one", "changed"}, k.Records("orders").Data())
		})
	}
}
