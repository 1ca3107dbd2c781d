module github.com/weirstream/weir/aws/clients/emulator

go 1.26.6

require (
	github.com/aws/aws-lambda-go v1.54.0
	github.com/stretchr/testify v1.12.1
	github.com/weirstream/weir v0.1.0
	github.com/weirstream/weir/aws v0.1.0
)

require (
	github.com/aws/aws-lambda-runtime-interface-emulator v0.0.0-20261030222936-bef5c4ba774d // indirect
	github.com/go-chi/chi v1.5.5 // indirect
	github.com/go-chi/chi/v5 v5.4.0 // indirect
	github.com/google/btree v1.1.3 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/jessevdk/go-flags v1.5.0 // indirect
	github.com/orcaman/concurrent-map v1.0.0 // indirect
	github.com/santhosh-tekuri/jsonschema/v5 v5.3.1 // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	github.com/stretchr/objx v0.5.3 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace (
	github.com/weirstream/weir => ../../..
	github.com/weirstream/weir/aws => ../..
)

tool github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie
