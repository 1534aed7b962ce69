import Payments

await PaymentApplication.main()
