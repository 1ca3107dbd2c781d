package parquet_test

import (
	"bytes"
	"fmt"
	"log"

	library "github.com/parquet-go/parquet-go"
	"github.com/weirstream/weir"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/delivery/parquet"
)

// An object is made of three records; one of them does not fit.
func Example() {
	schema, err := parquet.ParseSchema("user string not null, at timestamp, pages array<string>")
	if err != nil {
		log.Fatal(err)
	}
	format, err := parquet.New(parquet.Config{Schema: schema, Compression: parquet.Zstd})
	if err != nil {
		log.Fatal(err)
	}
	records := []delivery.Record{
		{Record: weir.Record{Data: []byte(`{"user":"ann","at":"2026-11-29T12:00:00Z","pages":["/","/help"]}`)}},
		{Record: weir.Record{Data: []byte(`{"user":"bob"}`)}},
		{Record: weir.Record{Data: []byte(`{"user":"eve","at":"at noon"}`)}},
	}
	var object bytes.Buffer
	rejected, err := format.Encode(&object, records)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range rejected {
		fmt.Printf("record %d: %v\n", r.Index, r.Err)
	}
	file, err := library.OpenFile(bytes.NewReader(object.Bytes()), int64(object.Len()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.NumRows(), "rows")
	// Output:
	// record 2: column at: "at noon" is no timestamp
	// 2 rows
}

// A schema can be found out once, and be corrected by hand.
func ExampleInfer() {
	schema, err := parquet.Infer([][]byte{
		[]byte(`{"user":{"id":7,"name":"ann"},"total":12}`),
		[]byte(`{"user":{"id":8},"total":0.5,"tags":["new"]}`),
	}, false)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(schema)
	// Output:
	// user struct<id:bigint, name:string>, total double, tags array<string>
}
