module github.com/weirstream/weir/aws

go 1.25.0
