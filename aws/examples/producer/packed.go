package producer

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/producer"
)

// PutPacked puts any number of records with a producer, which batches them,
// packs those of a shard into few, keeps to the limits and tries again what
// fails. It returns why records were not delivered, once for each.
func PutPacked(ctx context.Context, k *kinesis.Client, stream string, entries []weir.Entry) error {
	// The producer counts attempts and paces them: the client is to make one.
	once := kinesis.New(k.Options(), func(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} })
	s, err := kinesisclient.New(once, stream)
	if err != nil {
		return err
	}
	p, err := producer.New(producer.Config{Stream: s, Aggregate: true, Ordered: true})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var errs []error
	note := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, err)
		}
	}
	for _, e := range entries {
		if err := p.PutAsync(ctx, e, func(o producer.Outcome) { note(o.Err) }); err != nil {
			note(err) // it was not taken in
			break
		}
	}
	note(p.Close(ctx))
	return errors.Join(errs...)
}
