module github.com/weirstream/weir/aws/peers

go 1.25.0
