module github.com/weirstream/weir/cmd/weir

go 1.25.0

require github.com/weirstream/weir v0.0.0

replace github.com/weirstream/weir => ../..
