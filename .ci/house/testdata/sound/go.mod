module example.com/weir

go 1.25.0
