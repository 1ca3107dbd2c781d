module github.com/weirstream/weir/aws/clients/patterns

go 1.25.0

require (
	github.com/stretchr/testify v1.12.1
	github.com/weirstream/weir v0.1.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/weirstream/weir => ../../..
