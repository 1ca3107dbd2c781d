module github.com/weirstream/weir/delivery/jq

go 1.25.0

require (
	github.com/itchyny/gojq v0.12.20
	github.com/stretchr/testify v1.12.1
	github.com/weirstream/weir v0.1.0
)

require (
	github.com/google/btree v1.1.3 // indirect
	github.com/itchyny/timefmt-go v0.1.9 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/time v0.15.0 // indirect
)
