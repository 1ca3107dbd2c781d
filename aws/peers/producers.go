package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	a8m "github.com/a8m/kinesis-producer"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	v1 "github.com/aws/aws-sdk-go/aws"
	v1credentials "github.com/aws/aws-sdk-go/aws/credentials"
	v1session "github.com/aws/aws-sdk-go/aws/session"
	v1kinesis "github.com/aws/aws-sdk-go/service/kinesis"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/producer"
)

// A putting puts the records of a stream for some time, and returns how many were
// stored and how long it took until the last one was. Where it fails to store one
// it returns an error.
type putting func(addr, stream string, d time.Duration) (records int, took time.Duration, err error)

// The ways to put. Producers are given one record at a time, by one goroutine.
const (
	wayRaw        = "prepared requests, 4 connections"
	wayCalls      = "PutRecords of 500 by the SDK, 4 connections"
	wayWeir       = "weir's producer"
	wayWeirPacked = "weir's producer, aggregating"
	wayA8M        = "a8m/kinesis-producer"
	wayA8MPacked  = "a8m/kinesis-producer, aggregating"
)

// connections is how many of them raw puts have.
const connections = 4

var ways = []struct {
	name string
	put  putting
}{
	{wayRaw, putRaw},
	{wayFloor, putFloor},
	{wayCalls, putCalls},
	{wayWeir, putWeir(producer.Config{})},
	{wayWeirPacked, putWeir(producer.Config{Aggregate: true})},
	{wayA8M, putA8M(1)}, // what is larger than a byte goes as it is
	{wayA8MPacked, putA8M(0)},
}

// keys and payload are what the producers put: as record has them.
var (
	keys = func() []string {
		list := make([]string, distinct*batchSize)
		for i := range list {
			list[i] = fmt.Sprintf("user-%011d", i*7919)
		}
		return list
	}()
	payload = make([]byte, dataSize)
)

// putRaw sends requests that were put together before.
func putRaw(addr, stream string, d time.Duration) (int, time.Duration, error) {
	requests := make([][]byte, distinct)
	for i := range requests {
		requests[i] = request("/", "PutRecords", putRecords(stream, i))
	}
	calls, took, err := drive(addr, connections, requests, d)
	return calls * batchSize, took, err
}

// sdk returns the SDK's client of a server, as it is by itself.
func sdk(addr string) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + addr),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "000000000000", SecretAccessKey: "secret"}, nil
		}),
	})
}

// putCalls makes such calls as a producer makes, by the SDK, and nothing else.
func putCalls(addr, stream string, d time.Duration) (int, time.Duration, error) {
	c := sdk(addr)
	stored, errs := make([]int, connections), make([]error, connections)
	var wait sync.WaitGroup
	begin := time.Now()
	for i := range connections {
		wait.Go(func() {
			batch := make([]types.PutRecordsRequestEntry, batchSize)
			for n := i * batchSize; time.Since(begin) < d && errs[i] == nil; n += batchSize {
				for j := range batch {
					batch[j] = types.PutRecordsRequestEntry{PartitionKey: &keys[(n+j)%len(keys)], Data: payload}
				}
				out, err := c.PutRecords(context.Background(), &kinesis.PutRecordsInput{StreamName: &stream, Records: batch})
				if err == nil && *out.FailedRecordCount > 0 {
					err = fmt.Errorf("%d records were refused", *out.FailedRecordCount)
				}
				stored[i], errs[i] = stored[i]+batchSize, err
			}
		})
	}
	wait.Wait()
	took, records := time.Since(begin), 0
	for _, n := range stored {
		records += n
	}
	return records, took, errors.Join(errs...)
}

// putWeir puts by a producer of this module.
func putWeir(c producer.Config) putting {
	return func(addr, stream string, d time.Duration) (records int, took time.Duration, err error) {
		s, err := kinesisclient.New(sdk(addr), stream)
		if err != nil {
			return 0, 0, err
		}
		c := c
		c.Stream, c.Rate = s, -1 // the server has no limits
		p, err := producer.New(c)
		if err != nil {
			return 0, 0, err
		}
		var failed atomic.Int64
		done := func(o producer.Outcome) {
			if o.Err != nil {
				failed.Add(1)
			}
		}
		ctx, begin := context.Background(), time.Now()
		for ; !over(records, begin, d); records++ {
			if err := p.PutAsync(ctx, weir.Entry{PartitionKey: keys[records%len(keys)], Data: payload}, done); err != nil {
				return 0, 0, err
			}
		}
		err = p.Close(ctx)
		took = time.Since(begin)
		if n := failed.Load(); n > 0 {
			err = errors.Join(err, fmt.Errorf("%d of %d records failed", n, records))
		}
		return records, took, err
	}
}

// over reports whether enough was put. It looks at the clock now and then.
func over(n int, begin time.Time, d time.Duration) bool { return n%100 == 0 && time.Since(begin) >= d }

// putA8M puts by that producer, with aggregates of so many bytes, 0 for its own
// choice.
func putA8M(aggregate int) putting {
	return func(addr, stream string, d time.Duration) (records int, took time.Duration, err error) {
		// The transport that it has by itself keeps two connections of its 24.
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 24
		defer transport.CloseIdleConnections()
		session, err := v1session.NewSession(&v1.Config{
			Region: v1.String("us-east-1"), Endpoint: v1.String("http://" + addr), HTTPClient: &http.Client{Transport: transport},
			Credentials: v1credentials.NewStaticCredentials("000000000000", "secret", ""),
		})
		if err != nil {
			return 0, 0, err
		}
		p := a8m.New(&a8m.Config{
			StreamName: stream, Client: v1kinesis.New(session), AggregateBatchSize: aggregate,
			Logger: &a8m.StdLogger{Logger: log.New(io.Discard, "", 0)},
		})
		failures := p.NotifyFailures()
		failed := make(chan int)
		go func() {
			n := 0
			for range failures {
				n++
			}
			failed <- n
		}()
		begin := time.Now()
		p.Start()
		for ; !over(records, begin, d); records++ {
			if err := p.Put(payload, keys[records%len(keys)]); err != nil {
				return 0, 0, err
			}
		}
		p.Stop()
		took = time.Since(begin)
		if n := <-failed; n > 0 {
			err = fmt.Errorf("%d of %d records failed", n, records)
		}
		return records, took, err
	}
}
