// Command lake delivers a day of sales to a directory as Parquet files, which
// are partitioned by country and hour, and queries them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	library "github.com/parquet-go/parquet-go"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/parquet"
	"github.com/weirstream/weir/lease"
)

type sale struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Country string    `json:"country"`
	Item    string    `json:"item"`
	Cents   int       `json:"cents"`
}

const columns = "id string not null, at timestamp not null, country string not null, item string not null, cents bigint not null"

func main() {
	dir, err := os.MkdirTemp("", "lake-")
	if err == nil {
		err = run(context.Background(), os.Stdout, dir, 20000)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the files are in", dir)
}

func run(ctx context.Context, w io.Writer, dir string, sales int) error {
	s, err := weir.NewStream("sales", weir.Config{Limits: weir.Unlimited()})
	if err != nil {
		return err
	}
	if err := sell(ctx, s, sales); err != nil {
		return err
	} else if err := deliver(ctx, s, dir, sales); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.parquet"))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d sales are in %d files\n", sales, len(files))
	for _, q := range []struct{ title, files string }{
		{"all day in all countries", "country=*/hour=*"},
		{"from 18 to 20 o'clock in de", "country=de/hour=1[89]"},
	} {
		revenue, read, err := query(filepath.Join(dir, q.files, "*.parquet"))
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s, of %d files:", q.title, read)
		for _, item := range slices.Sorted(maps.Keys(revenue)) {
			fmt.Fprintf(w, " %s %d.%02d", item, revenue[item]/100, revenue[item]%100)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// sell puts a day of sales, and ends the stream.
func sell(ctx context.Context, s *weir.Stream, n int) error {
	random, day := rand.New(rand.NewPCG(1, 0)), time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	for i := range n {
		data, _ := json.Marshal(sale{
			ID: fmt.Sprint("sale-", i), At: day.Add(24 * time.Hour / time.Duration(n) * time.Duration(i)), Cents: 100 + random.IntN(5000),
			Country: []string{"de", "fr", "jp", "us"}[random.IntN(4)], Item: []string{"boots", "hats", "socks"}[random.IntN(3)],
		})
		if _, err := s.PutRecord(ctx, fmt.Sprint(i), data); err != nil {
			return err
		}
	}
	return s.EndWrites(ctx)
}

// deliver delivers the stream to its end.
func deliver(ctx context.Context, s *weir.Stream, dir string, sales int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	schema, bad := parquet.ParseSchema(columns)
	format, err := parquet.New(parquet.Config{Schema: schema, Compression: parquet.Zstd})
	files, failed := delivery.NewDirectory(dir)
	if err := errors.Join(bad, err, failed); err != nil {
		return err
	}
	var done atomic.Int64
	d, err := delivery.New(delivery.Config{
		Format:      format,
		Prefix:      "country=!{partitionKeyFromQuery:country}/hour=!{partitionKeyFromQuery:hour}/!{timestamp:'at'}-",
		ErrorPrefix: "errors/!{firehose:error-output-type}/",
		Partition: delivery.PartitionFunc(func(r *delivery.Record) (map[string]string, error) {
			var s sale
			err := json.Unmarshal(r.Data, &s)
			return map[string]string{"country": s.Country, "hour": s.At.Format("15")}, err
		}),
		Sink: delivery.SinkFunc(func(ctx context.Context, o *delivery.Object) error {
			err := files.Deliver(ctx, o)
			if err == nil && done.Add(int64(o.Count)) == int64(sales) {
				cancel() // a group waits for more shards, of which there are none here
			}
			return err
		}),
		Group: consumer.Config{Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)},
	})
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

// query adds up the revenue by item in files, of which it reads two columns.
func query(pattern string) (cents map[string]int64, read int, err error) {
	files, err := filepath.Glob(pattern)
	cents = map[string]int64{}
	for _, file := range files {
		rows, err := library.ReadFile[struct {
			Item  string `parquet:"item"`
			Cents int64  `parquet:"cents"`
		}](file)
		if err != nil {
			return nil, 0, err
		}
		for _, row := range rows {
			cents[row.Item] += row.Cents
		}
	}
	return cents, len(files), err
}
