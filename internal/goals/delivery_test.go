package goals_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/lease"
)

// deliveryGoals say what a delivery to compressed files costs beside the
// compression, by the clock: objects are compressed beside each other.
func deliveryGoals() []goal {
	return []goal{
		{"W3", "delivery to gzip files ÷ gzip of the standard library", 1.2, 1.05, true, func(tb testing.TB) sample {
			s := clickStream(tb)
			return ratios(deliveryWork(tb, s), gzipWork(tb, s))
		}},
	}
}

const (
	clicks     = 200_000
	objectSize = delivery.DefaultSize
)

// clickStream returns a stream with clicks as JSON, some 200 bytes each.
func clickStream(tb testing.TB) *weir.Stream {
	s, err := weir.NewStream("clicks", weir.Config{Limits: weir.Unlimited()})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range clicks {
		data := fmt.Appendf(nil, `{"user":"user-%d","session":"%016x","page":"/products/%d?ref=%d","agent":"Mozilla/5.0 (X11; Linux x86_64)","at":"%s","ms":%d}`,
			i*7919%5000, uint64(i)*0x9e3779b97f4a7c15>>20, i*31%700, i%13, time.UnixMilli(1.7e12+int64(i)*37).UTC().Format(time.RFC3339Nano), i*17%2000)
		if _, err := s.PutRecord(context.Background(), fmt.Sprintf("user-%d", i*7919%5000), data); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// deliveryWork delivers all to a directory, each time with a new delivery; a
// unit is the whole of it.
func deliveryWork(tb testing.TB, s *weir.Stream) work {
	codec, err := delivery.Gzip(gzip.DefaultCompression)
	if err != nil {
		tb.Fatal(err)
	}
	return func(n int) {
		for range n {
			to, err := delivery.NewDirectory(tb.TempDir())
			if err != nil {
				tb.Fatal(err)
			}
			d, err := delivery.New(delivery.Config{
				Group: consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)},
				Sink:  to, Size: objectSize, Codec: codec, Delimiter: "\n",
			})
			if err != nil {
				tb.Fatal(err)
			}
			deliverAll(tb, d)
		}
	}
}

// deliverAll runs a delivery until all was read, and to its end.
func deliverAll(tb testing.TB, d *delivery.Delivery) {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		for d.Metrics().IncomingRecords < clicks {
			time.Sleep(time.Millisecond)
		}
		stop()
	}()
	if err := d.Run(ctx); err != nil {
		tb.Error(err)
	}
	if m := d.Metrics().Delivered; m.Records != clicks {
		tb.Errorf("%d records delivered", m.Records)
	}
}

// gzipWork compresses the same bytes, as many at a time.
func gzipWork(tb testing.TB, s *weir.Stream) work {
	var objects [][]byte
	var object []byte
	for r, err := range s.Records(context.Background(), weir.TrimHorizon().ToTip()) {
		if err != nil {
			tb.Fatal(err)
		}
		if len(object)+len(r.Data)+1 > objectSize {
			objects, object = append(objects, object), nil
		}
		object = append(append(object, r.Data...), '\n')
	}
	objects = append(objects, object)
	z := gzip.NewWriter(io.Discard)
	return func(n int) {
		for range n {
			for _, object := range objects {
				z.Reset(io.Discard)
				if _, err := z.Write(object); err != nil {
					tb.Fatal(err)
				}
				if err := z.Close(); err != nil {
					tb.Fatal(err)
				}
			}
		}
	}
}
