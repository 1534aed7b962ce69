import Products

await ProductApplication.main()
