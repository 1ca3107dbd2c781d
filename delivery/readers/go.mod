module github.com/weirstream/weir/delivery/readers

go 1.25.0

require (
	github.com/stretchr/testify v1.12.1
	github.com/weirstream/weir v0.1.0
	github.com/weirstream/weir/delivery/codec v0.1.0
	github.com/weirstream/weir/delivery/parquet v0.1.0
)

require (
	github.com/andybalholm/brotli v1.1.1 // indirect
	github.com/google/btree v1.1.3 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	github.com/parquet-go/bitpack v1.0.0 // indirect
	github.com/parquet-go/jsonlite v1.0.0 // indirect
	github.com/parquet-go/parquet-go v0.32.0 // indirect
	github.com/pierrec/lz4/v4 v4.1.21 // indirect
	github.com/twpayne/go-geom v1.6.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.38.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	google.golang.org/protobuf v1.34.2 // indirect
)

replace (
	github.com/weirstream/weir => ../../
	github.com/weirstream/weir/delivery/codec => ../codec
	github.com/weirstream/weir/delivery/parquet => ../parquet
)
