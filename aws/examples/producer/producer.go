// Package producer puts lines into a stream of the service, packed, and tells what
// became of them: the code under test of an example.
package producer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/producer"
)

// PutLines puts each line of r into a stream, with its first word as the key. The
// lines of a key stay in order whatever happens on the way. It writes a line to w
// for each that could not be delivered, and a summary.
func PutLines(ctx context.Context, k *kinesis.Client, stream string, r io.Reader, w io.Writer) error {
	// The producer tries again by itself, and needs to know of each throttle.
	options := k.Options()
	options.Retryer = aws.NopRetryer{}
	s, err := kinesisclient.New(kinesis.New(options), stream)
	if err != nil {
		return err
	}
	p, err := producer.New(producer.Config{Stream: s, Aggregate: true, Ordered: true})
	if err != nil {
		return err
	}
	var mu sync.Mutex // outcomes are told by several goroutines
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		key, _, _ := strings.Cut(line, " ")
		err = p.PutAsync(ctx, weir.Entry{PartitionKey: key, Data: []byte(line)}, func(o producer.Outcome) {
			if o.Err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(w, "%q: %v\n", line, o.Err)
		})
		if err != nil {
			break // ctx has ended, or nobody takes such a line
		}
	}
	err = errors.Join(err, lines.Err(), p.Close(ctx))
	m := p.Metrics()
	fmt.Fprintf(w, "%d lines delivered, %d failed, %d throttles\n", m.Delivered, m.Failed, m.Throttled)
	return err
}
